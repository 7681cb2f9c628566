{{
    config(
        engine='MergeTree',
        order_by='(user_id, rank)',
    )
}}

with

recommendations as (

    select * from {{ ref('stg_recommender__recommendations') }}

),

current_run as (

    select * from {{ ref('stg_recommender__training_runs') }}
    where is_current

),

movies as (

    select * from {{ ref('stg_dataflix__movies') }}

),

titles as (

    select
        movie_id,
        title
    from movies

),

joined as (

    select
        recommendations.user_id as user_id,
        recommendations.rank as rank,
        recommendations.movie_id as movie_id,
        movies.title as title,
        movies.genres as genres,
        recommendations.score as score,
        recommendations.reason as reason,
        recommendations.because_movie_id as because_movie_id,
        titles.title as because_title,
        recommendations.strongest_movie_id as strongest_movie_id,
        toLowCardinality(current_run.run_id) as run_id,
        toLowCardinality(current_run.mlflow_run_id) as mlflow_run_id,
        toLowCardinality(current_run.model_version) as model_version,
        current_run.published_at as published_at
    from recommendations
    cross join current_run
    left join movies on recommendations.movie_id = movies.movie_id
    left join titles on recommendations.because_movie_id = titles.movie_id

)

select * from joined
