{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns',
        order_by='(published_at, run_id, arm, rank, reason)',
    )
}}

with

outcomes as (

    select * from {{ ref('int_outcomes_so_far') }}

),

final_now as (

    select * from outcomes
    where
        is_final
        {%- if is_incremental() %}
            and (published_at, run_id) not in (select
                published_at,
                run_id
            from {{ this }})
        {%- endif %}

)

select * from final_now
