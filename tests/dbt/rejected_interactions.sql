{{
    config(
        group='interactions',
        severity='warn',
        store_failures=true,
        alias='rejected_interactions',
        fail_calc='if(100 * count() > ' ~ var('rejected_warn_percent')
        ~ ' * any(event_count), count(), 0)',
    )
}}

with

events as (

    select * from {{ ref('int_interaction_events') }}

),

total as (

    select count() as event_count from events

),

rejected as (

    select
        *,
        (select total.event_count from total) as event_count
    from events
    where not is_usable

)

select * from rejected
