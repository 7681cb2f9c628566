{{
    config(
        group='recommendations',
        severity='warn',
        store_failures=true,
        alias='withheld_recommendations',
        fail_calc='if(100 * count() > ' ~ var('withheld_warn_percent')
        ~ ' * any(recommendation_count), count(), 0)',
    )
}}

with

lists as (

    select * from {{ ref('int_current_lists') }}

),

total as (

    select count() as recommendation_count from lists

),

withheld as (

    select
        user_id,
        rank,
        movie_id,
        reason,
        run_id,
        (select total.recommendation_count from total) as recommendation_count
    from lists
    where not is_shown

)

select * from withheld
