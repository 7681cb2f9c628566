{{
    config(
        order_by='movie_id',
    )
}}

with

movies as (

    select * from {{ ref('mart_movies') }}

),

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

),

recommendations as (

    select * from {{ ref('int_current_recommendations') }}

),

seen as (

    select
        movie_id,
        toUInt32(countIf(watch_count > 0)) as watched_user_count,
        toUInt32(sum(watch_count)) as watch_event_count,
        toUInt32(count(rating)) as rated_user_count
    from interactions
    group by movie_id

),

active_users as (

    select toUInt32(uniqExact(user_id)) as user_count from interactions

),

recommended as (

    select
        movie_id,
        toUInt32(count()) as recommended_user_count,
        toFloat32(avg(rank)) as average_rank
    from recommendations
    group by movie_id

),

recommended_users as (

    select toUInt32(uniqExact(user_id)) as user_count from recommendations

),

joined as (

    select
        movies.movie_id as movie_id,
        movies.title as title,
        movies.genres as genres,
        movies.primary_genre as primary_genre,
        recommended.recommended_user_count as recommended_user_count,
        toFloat32(recommended.recommended_user_count / greatest(recommended_users.user_count, 1))
            as recommended_share,
        recommended.average_rank as average_rank,
        seen.watched_user_count as watched_user_count,
        toFloat32(seen.watched_user_count / greatest(active_users.user_count, 1)) as watched_share,
        seen.watch_event_count as watch_event_count,
        seen.rated_user_count as rated_user_count,
        toFloat32(seen.rated_user_count / greatest(active_users.user_count, 1)) as rated_share
    from movies
    cross join active_users
    cross join recommended_users
    left join seen on movies.movie_id = seen.movie_id
    left join recommended on movies.movie_id = recommended.movie_id

)

select * from joined
