with

events as (

    select * from {{ ref('int_interaction_events') }}

),

usable as (

    select
        user_id,
        movie_id,
        rating,
        -- What is usable has a time.
        assumeNotNull(happened_at) as happened_at,
        -- Time first, then the rating: of two ratings at the same moment the higher counts, so that
        -- a rebuild changes nothing. One number, since comparing pairs takes three times as long.
        toUnixTimestamp64Milli(happened_at) * 8192 + toInt64(rating * 1024) as rating_order
    from events
    where is_usable

),

per_user_and_movie as (

    select
        usable.user_id,
        usable.movie_id,
        nullIf(argMaxIf(usable.rating, usable.rating_order, usable.rating > 0), 0) as rating,
        toUInt32(countIf(usable.rating = 0)) as watch_count,
        min(usable.happened_at) as first_interacted_at,
        max(usable.happened_at) as last_interacted_at
    from usable
    group by usable.user_id, usable.movie_id

)

select * from per_user_and_movie
