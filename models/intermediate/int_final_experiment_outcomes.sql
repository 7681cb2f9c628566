{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns',
        order_by='(experiment, challenger_run_id, window_days)',
    )
}}

with

outcomes as (

    select * from {{ ref('int_experiment_outcomes_so_far') }}

),

final_now as (

    select * from outcomes
    where
        is_final
        {%- if is_incremental() %}
            and (experiment, challenger_run_id, window_days) not in (
                select
                    experiment,
                    challenger_run_id,
                    window_days
                from {{ this }}
            )
        {%- endif %}

)

select * from final_now
