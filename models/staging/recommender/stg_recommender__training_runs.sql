with

source as (

    select * from {{ source('recommender', 'training_runs') }}

),

current_run as (

    select * from {{ source('recommender', 'current_run') }}

),

renamed as (

    select
        -- ids
        run_id,
        mlflow_run_id,
        model_name,
        model_version,
        dbt_invocation_id,
        git_commit,

        -- numerics
        users,
        movies,
        interactions,
        recommendations,

        -- maps
        params,
        metrics,

        -- booleans
        toBool((published_at, run_id) in (
            select
                current_run.published_at,
                current_run.run_id
            from current_run
        )) as is_current,

        -- timestamps
        published_at

    from source

)

select * from renamed
