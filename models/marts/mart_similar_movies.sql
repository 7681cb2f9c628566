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

    -- Arrays of plain text: a join puts them into rows ten times as fast as LowCardinality.
    select
        movie_id,
        title,
        label,
        cast(genres, 'Array(String)') as genres,
        genre_list
    from {{ ref('mart_movies') }}

),

joined as (

    select
        similar_movies.movie_id as movie_id,
        similar_movies.rank as rank,
        movies.title as title,
        movies.label as label,
        cast(movies.genres, 'Array(LowCardinality(String))') as genres,
        similar_movies.similar_movie_id as similar_movie_id,
        neighbours.title as similar_title,
        neighbours.label as similar_label,
        cast(neighbours.genres, 'Array(LowCardinality(String))') as similar_genres,
        neighbours.genre_list as similar_genre_list,
        similar_movies.cosine as cosine
    from similar_movies
    left join movies on similar_movies.movie_id = movies.movie_id
    left join movies as neighbours on similar_movies.similar_movie_id = neighbours.movie_id

)

select * from joined
