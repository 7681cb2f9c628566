{{
    config(
        order_by='(movie_id, rank)',
    )
}}

with

similar_movies as (

    select * from {{ ref('int_current_similar_movies') }}

),

movies as (

    select * from {{ ref('mart_movies') }}

),

joined as (

    select
        similar_movies.movie_id as movie_id,
        similar_movies.rank as rank,
        movies.title as title,
        movies.label as label,
        movies.genres as genres,
        similar_movies.similar_movie_id as similar_movie_id,
        neighbours.title as similar_title,
        neighbours.label as similar_label,
        neighbours.genres as similar_genres,
        neighbours.genre_list as similar_genre_list,
        similar_movies.cosine as cosine
    from similar_movies
    left join movies on similar_movies.movie_id = movies.movie_id
    left join movies as neighbours on similar_movies.similar_movie_id = neighbours.movie_id

)

select * from joined
