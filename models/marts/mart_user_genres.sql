{{ config(materialized='view') }}

{#- A view, as `mart_user_history` is: one user's genres are counted in milliseconds. -#}

with

history as (

    select * from {{ ref('mart_user_history') }}

),

recommendations as (

    select * from {{ ref('mart_user_recommendations') }}

),

seen as (

    select
        user_id,
        'seen' as list,
        count() as list_length,
        groupArrayArray(genres) as listed_genres
    from history
    group by user_id

),

recommended as (

    select
        user_id,
        'recommended' as list,
        count() as list_length,
        groupArrayArray(genres) as listed_genres
    from recommendations
    group by user_id

),

lists as (

    select * from seen
    union all
    select * from recommended

),

counted as (

    select
        user_id,
        list,
        genre,
        toUInt32(arrayCount(listed -> listed = genre, listed_genres)) as movie_count,
        toUInt32(list_length) as list_movie_count,
        toFloat32(movie_count / list_movie_count) as share
    from lists
    array join arrayDistinct(listed_genres) as genre

)

select * from counted
