with

source as (

    select * from {{ source('recommender', 'training_runs') }}

),

renamed as (

    select
        -- ids
        run_id,
        -- Earlier releases kept it only where `python_jobs score` had made the lists.
        multiIf(
            mlflow_run_id != '', mlflow_run_id,
            params['scored_with_run'] != '', params['scored_with_run'],
            run_id
        ) as mlflow_run_id,
        model_name,
        model_version,
        dbt_invocation_id,
        git_commit,

        -- numerics
        users as user_count,
        movies as movie_count,
        interactions as interaction_count,
        recommendations as recommendation_count,

        -- maps
        params,
        metrics,

        -- timestamps
        published_at

    from source

)

select * from renamed
