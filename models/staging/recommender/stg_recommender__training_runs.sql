with

source as (

    select * from {{ source('recommender', 'training_runs') }}

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

        -- numerics
        users as user_count,
        movies as movie_count,
        interactions as interaction_count,
        recommendations as recommendation_count,

        -- strings
        dataset_label,

        -- maps
        params,
        metrics,

        -- timestamps
        published_at

    from source

)

select * from renamed
