{{
    config(
        group='recommendations',
        severity='error',
        warn_if='> ' ~ var('withheld_warn_percent'),
        error_if='> ' ~ var('withheld_error_percent'),
        store_failures=true,
        alias='withheld_recommendations',
        fail_calc='if(count() = 0, 0, toUInt32(ceil(100 * count() / any(recommendation_count))))',
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
