with

users as (

    select * from {{ ref('stg_dataflix__users') }}

),

movies as (

    select * from {{ ref('stg_dataflix__movies') }}

),

ratings as (

    select * from {{ ref('stg_dataflix__ratings') }}

),

watched_movies as (

    select * from {{ ref('stg_dataflix__watched_movies') }}

),

events as (

    select
        'rating' as kind,
        user_id,
        movie_id,
        rating,
        rated_at as happened_at,
        rating > 0 and rating <= 5 as is_on_scale
    from ratings

    union all

    select
        'watch' as kind,
        user_id,
        movie_id,
        toFloat32(0) as rating,
        watched_at as happened_at,
        true as is_on_scale
    from watched_movies

),

checked as (

    select
        *,
        -- Sets, not joins: they are small, and the events stream past them.
        user_id in (select users.user_id from users) as has_user,
        movie_id in (select movies.movie_id from movies) as has_movie,
        happened_at is not null as has_time,
        coalesce(happened_at >= toDateTime64('1990-01-01 00:00:00', 3, 'UTC'), false)
            as is_since_1990,
        coalesce(happened_at <= now64(3, 'UTC') + interval 1 day, false) as has_happened
    from events

),

judged as (

    select
        kind,
        user_id,
        movie_id,
        rating,
        happened_at,
        -- Beside the problem, which is text, and slow to compare twenty million times.
        is_on_scale and has_user and has_movie and is_since_1990 and has_happened as is_usable,
        multiIf(
            not is_on_scale, 'rating outside (0, 5]',
            -- Staging reads what is no number above 0 as 0.
            user_id = 0, 'user id is no number',
            movie_id = 0, 'movie id is no number',
            not has_user, 'unknown user',
            not has_movie, 'unknown movie',
            not has_time, 'no time',
            not is_since_1990, 'time before 1990',
            not has_happened, 'time in the future',
            ''
        ) as problem
    from checked

)

select * from judged
