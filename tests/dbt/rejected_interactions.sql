{{
    config(
        group='interactions',
        severity='warn',
        store_failures=true,
        alias='rejected_interactions',
    )
}}

with

events as (

    select * from {{ ref('int_interaction_events') }}

),

rejected as (

    select * from events
    where not is_usable

)

select * from rejected
