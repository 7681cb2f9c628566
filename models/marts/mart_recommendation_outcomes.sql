{{
    config(
        order_by='(published_at, run_id, arm, rank, reason)',
    )
}}

{#- By name: a column that came with an upgrade is the last one of the table. -#}
{%- set columns -%}
        published_at,
        run_id,
        mlflow_run_id,
        model_version,
        dataset_id,
        replaced_at,
        arm,
        rank,
        reason,
        list_count,
        shown_within_1_day,
        shown_within_7_days,
        shown_within_28_days,
        hits_within_1_day,
        hits_within_7_days,
        hits_within_28_days,
        hits_while_live,
        popular_hits_within_1_day,
        popular_hits_within_7_days,
        popular_hits_within_28_days,
        is_final
{%- endset %}
{%- set windows = ['1_day', '7_days', '28_days'] %}

with

so_far as (

    select * from {{ ref('int_outcomes_so_far') }}

),

publications as (

    select * from {{ ref('int_publications') }}

),

final_outcomes as (

    select * from {{ ref('int_final_outcomes') }}

),

final as (

    -- Of those before a reset nothing is shown any more; and what was live when its figures became
    -- final may have been replaced since.
    select
        final_outcomes.* except (replaced_at),
        publications.replaced_at as replaced_at
    from final_outcomes
    inner join publications
        on
            final_outcomes.published_at = publications.published_at
            and final_outcomes.run_id = publications.run_id

),

together as (

    select
        {{ columns }}
    from final

    union all

    select
        {{ columns }}
    from so_far
    where (published_at, run_id) not in (select
        final.published_at,
        final.run_id
    from final)

),

rates as (

    select
        published_at,
        run_id,
        mlflow_run_id,
        model_version,
        dataset_id,
        replaced_at,
        arm,
        rank,
        reason,
        list_count,
        {%- for window in windows %}
            shown_within_{{ window }},
            hits_within_{{ window }},
            hits_within_{{ window }} / nullIf(shown_within_{{ window }}, 0)
                as hit_rate_{{ window }},
            popular_hits_within_{{ window }},
            popular_hits_within_{{ window }} / nullIf(shown_within_{{ window }}, 0)
                as popular_hit_rate_{{ window }},
        {%- endfor %}
        hits_while_live,
        is_final
    from together

)

select * from rates
