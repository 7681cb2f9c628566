{{
    config(
        engine='MergeTree',
        order_by='movie_id',
    )
}}

with

movies as (

    select * from {{ ref('stg_dataflix__movies') }}

),

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

),

recommendations as (

    select * from {{ ref('stg_recommender__recommendations') }}

),

seen as (

    select
        movie_id,
        toUInt32(countIf(watch_count > 0)) as users_watched,
        toUInt32(sum(watch_count)) as watch_events,
        toUInt32(count(rating)) as users_rated
    from interactions
    group by movie_id

),

active_users as (

    select toUInt32(uniqExact(user_id)) as users from interactions

),

recommended as (

    select
        movie_id,
        toUInt32(count()) as users_recommended,
        toFloat32(avg(rank)) as average_rank
    from recommendations
    group by movie_id

),

recommended_users as (

    select toUInt32(uniqExact(user_id)) as users from recommendations

),

joined as (

    select
        movies.movie_id as movie_id,
        movies.title as title,
        movies.genres as genres,
        movies.primary_genre as primary_genre,
        recommended.users_recommended as users_recommended,
        toFloat32(recommended.users_recommended / greatest(recommended_users.users, 1))
            as recommended_share,
        recommended.average_rank as average_rank,
        seen.users_watched as users_watched,
        toFloat32(seen.users_watched / greatest(active_users.users, 1)) as watched_share,
        seen.watch_events as watch_events,
        seen.users_rated as users_rated,
        toFloat32(seen.users_rated / greatest(active_users.users, 1)) as rated_share
    from movies
    cross join active_users
    cross join recommended_users
    left join seen on movies.movie_id = seen.movie_id
    left join recommended on movies.movie_id = recommended.movie_id

)

select * from joined
