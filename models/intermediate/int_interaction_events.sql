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
        user_id,
        movie_id,
        toNullable(rating) as rating,
        rated_at as happened_at,
        rating > 0 and rating <= 5 as is_on_scale
    from ratings

    union all

    select
        user_id,
        movie_id,
        cast(null, 'Nullable(Float32)') as rating,
        watched_at as happened_at,
        true as is_on_scale
    from watched_movies

),

judged as (

    select
        user_id,
        movie_id,
        rating,
        happened_at,
        -- Sets, not joins: they are small, and the events stream past them.
        multiIf(
            not is_on_scale, 'rating outside (0, 5]',
            user_id not in (select users.user_id from users), 'unknown user',
            movie_id not in (select movies.movie_id from movies), 'unknown movie',
            happened_at <= toDateTime64(0, 3, 'UTC'), 'no time',
            ''
        ) as problem
    from events

)

select * from judged
