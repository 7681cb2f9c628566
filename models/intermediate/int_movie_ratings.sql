{{
    config(
        materialized='table',
        order_by='(movie_id, rating)',
    )
}}

-- A table: whatever is asked of each movie is worked out from here, and not from every interaction.

with

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

),

counted as (

    select
        movie_id,
        coalesce(rating, 0) as rating,
        toUInt32(count()) as user_count,
        toUInt32(countIf(watch_count > 0)) as watched_user_count,
        toUInt32(sum(watch_count)) as watch_event_count
    from interactions
    group by movie_id, rating

)

select * from counted
