with

recommendations as (

    select * from {{ ref('stg_recommender__recommendations') }}

),

current_run as (

    select * from {{ ref('int_publications') }}
    where is_current and is_of_this_dataset

),

of_current_run as (

    select
        recommendations.user_id as user_id,
        recommendations.rank as rank,
        recommendations.movie_id as movie_id,
        recommendations.score as score,
        recommendations.reason as reason,
        recommendations.because_movie_id as because_movie_id,
        recommendations.strongest_movie_id as strongest_movie_id,
        recommendations.arm as arm,
        recommendations.run_id as run_id,
        if(
            recommendations.arm = 'challenger',
            current_run.params['challenger_run_id'],
            current_run.mlflow_run_id
        ) as mlflow_run_id,
        if(
            recommendations.arm = 'challenger',
            current_run.params['challenger_version'],
            current_run.model_version
        ) as model_version,
        current_run.published_at as published_at
    from recommendations
    inner join current_run on recommendations.run_id = current_run.run_id

)

select * from of_current_run
