with

similar_movies as (

    select * from {{ ref('stg_recommender__similar_movies') }}

),

current_run as (

    select * from {{ ref('int_publications') }}
    where is_current and is_of_this_dataset

),

of_current_run as (

    select
        similar_movies.movie_id as movie_id,
        similar_movies.rank as rank,
        similar_movies.similar_movie_id as similar_movie_id,
        similar_movies.cosine as cosine
    from similar_movies
    inner join current_run on similar_movies.run_id = current_run.run_id

)

select * from of_current_run
