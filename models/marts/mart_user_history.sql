{{ config(materialized='view') }}

{#- A view, since it would be the training mart a second time; that is ordered by user, so that one
user's history is read in milliseconds. -#}

with

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

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

named as (

    select
        interactions.user_id as user_id,
        interactions.movie_id as movie_id,
        movies.title as title,
        movies.label as label,
        cast(movies.genres, 'Array(LowCardinality(String))') as genres,
        movies.genre_list as genre_list,
        interactions.interaction_score as interaction_score,
        interactions.rating as rating,
        interactions.watch_count as watch_count,
        interactions.first_interacted_at as first_interacted_at,
        interactions.last_interacted_at as last_interacted_at
    from interactions
    inner join movies on interactions.movie_id = movies.movie_id

)

select * from named
