with

source as (

    select * from {{ source('recommender', 'refused_runs') }}

),

renamed as (

    select
        -- ids
        run_id,
        mlflow_run_id,
        model_name,
        model_version,
        dataset_id,
        dbt_invocation_id,
        git_commit,

        -- strings
        dataset_label,
        job,
        arrayStringConcat(reasons, '; ') as refused_because,

        -- numerics
        users as user_count,
        movies as movie_count,
        interactions as interaction_count,

        -- maps
        params,
        metrics,

        -- timestamps
        refused_at

    from source

)

select * from renamed
