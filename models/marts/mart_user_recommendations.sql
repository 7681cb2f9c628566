{{
    config(
        order_by='(user_id, rank)',
    )
}}

with

recommendations as (

    select * from {{ ref('int_current_recommendations') }}

),

movies as (

    select * from {{ ref('mart_movies') }}

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
        toLowCardinality(recommendations.run_id) as run_id,
        toLowCardinality(recommendations.mlflow_run_id) as mlflow_run_id,
        toLowCardinality(recommendations.model_version) as model_version,
        recommendations.published_at as published_at
    from recommendations
    left join movies on recommendations.movie_id = movies.movie_id
    left join titles on recommendations.because_movie_id = titles.movie_id

)

select * from joined
