with

events as (

    select * from {{ ref('int_interaction_events') }}

),

per_user_and_movie as (

    select
        user_id,
        movie_id,
        -- Of two ratings at the same moment the higher counts, so that a rebuild changes nothing.
        argMax(events.rating, (events.happened_at, events.rating)) as rating,
        toUInt32(countIf(events.rating is null)) as watch_count,
        min(happened_at) as first_interacted_at,
        max(happened_at) as last_interacted_at
    from events
    where problem = ''
    group by user_id, movie_id

)

select * from per_user_and_movie
