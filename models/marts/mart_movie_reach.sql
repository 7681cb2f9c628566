{{
    config(
        order_by='movie_id',
    )
}}

with

movies as (

    select * from {{ ref('mart_movies') }}

),

ratings as (

    select * from {{ ref('int_movie_ratings') }}

),

users as (

    select * from {{ ref('mart_users') }}

),

recommendations as (

    select * from {{ ref('int_current_recommendations') }}

),

seen as (

    select
        ratings.movie_id,
        toUInt32(sum(ratings.watched_user_count)) as watched_user_count,
        toUInt32(sum(ratings.watch_event_count)) as watch_event_count,
        toUInt32(sumIf(ratings.user_count, ratings.rating > 0)) as rated_user_count,
        toUInt32(sum(ratings.user_count)) as seen_user_count
    from ratings
    group by ratings.movie_id

),

known_users as (

    -- One denominator for all shares, so that they can be compared. Lists may hold users who have
    -- left since.
    select toUInt32(uniqExact(user_id)) as user_count
    from (
        select user_id from users
        union all
        select user_id from recommendations
    ) as everybody

),

recommended as (

    select
        movie_id,
        toUInt32(count()) as recommended_user_count,
        toFloat32(avg(rank)) as average_rank
    from recommendations
    group by movie_id

),

joined as (

    select
        movies.movie_id as movie_id,
        movies.title as title,
        movies.label as label,
        movies.genres as genres,
        movies.primary_genre as primary_genre,
        recommended.recommended_user_count as recommended_user_count,
        toFloat32(recommended.recommended_user_count / greatest(known_users.user_count, 1))
            as recommended_share,
        if(recommended.recommended_user_count > 0, recommended.average_rank, null) as average_rank,
        seen.watched_user_count as watched_user_count,
        toFloat32(seen.watched_user_count / greatest(known_users.user_count, 1)) as watched_share,
        seen.watch_event_count as watch_event_count,
        seen.rated_user_count as rated_user_count,
        toFloat32(seen.rated_user_count / greatest(known_users.user_count, 1)) as rated_share,
        seen.seen_user_count as seen_user_count,
        toFloat32(seen.seen_user_count / greatest(known_users.user_count, 1)) as seen_share
    from movies
    cross join known_users
    left join seen on movies.movie_id = seen.movie_id
    left join recommended on movies.movie_id = recommended.movie_id

)

select * from joined
