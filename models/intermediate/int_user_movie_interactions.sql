with

events as (

    select * from {{ ref('int_interaction_events') }}

),

per_user_and_movie as (

    select
        events.user_id,
        events.movie_id,
        -- Of two ratings at the same moment the higher counts, so that a rebuild changes nothing.
        argMax(events.rating, (events.happened_at, events.rating)) as rating,
        toUInt32(countIf(events.rating is null)) as watch_count,
        min(events.happened_at) as first_interacted_at,
        max(events.happened_at) as last_interacted_at
    from events
    where events.problem = ''
    group by events.user_id, events.movie_id

)

select * from per_user_and_movie
