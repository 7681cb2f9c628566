{{
    config(
        order_by='(started_at, experiment, challenger_run_id, window_days)',
    )
}}

{#- By name: a column that came with an upgrade is the last one of the table. -#}
{%- set columns -%}
        experiment,
        challenger_run_id,
        challenger_version,
        champion_version,
        dataset_id,
        share,
        started_at,
        ended_at,
        window_days,
        champion_user_count,
        challenger_user_count,
        champion_hits,
        challenger_hits,
        champion_hit_rate,
        challenger_hit_rate,
        standard_error,
        is_final
{%- endset %}

with

so_far as (

    select * from {{ ref('int_experiment_outcomes_so_far') }}

),

publications as (

    select
        params['experiment'] as experiment,
        params['challenger_run_id'] as challenger_run_id,
        -- A null is not among what argMax looks at.
        tupleElement(argMax(tuple(replaced_at), published_at), 1) as ended_at
    from {{ ref('int_publications') }}
    group by
        experiment,
        challenger_run_id

),

final_outcomes as (

    select * from {{ ref('int_final_experiment_outcomes') }}

),

final as (

    -- Of those before a reset nothing is shown any more; and what went on when its figures became
    -- final may have ended since.
    select
        final_outcomes.* except (ended_at),
        publications.ended_at as ended_at
    from final_outcomes
    inner join publications
        on
            final_outcomes.experiment = publications.experiment
            and final_outcomes.challenger_run_id = publications.challenger_run_id

),

together as (

    select
        {{ columns }}
    from final

    union all

    select
        {{ columns }}
    from so_far
    where (experiment, challenger_run_id, window_days) not in (
        select
            final.experiment,
            final.challenger_run_id,
            final.window_days
        from final
    )

),

compared as (

    select
        *,
        challenger_hit_rate - champion_hit_rate as difference,
        difference - 1.96 * standard_error as difference_from,
        difference + 1.96 * standard_error as difference_to,
        -- Who looks every day would find 95 % passed by chance sooner or later.
        coalesce(abs(difference) > if(is_final, 1.96, 2.576) * standard_error, false)
            as is_beyond_chance,
        champion_user_count >= 30
        and challenger_user_count >= 30
        and champion_hits + challenger_hits >= 10 as is_enough
    from together

),

judged as (

    select
        experiment,
        challenger_run_id,
        challenger_version,
        champion_version,
        dataset_id,
        share,
        started_at,
        ended_at,
        window_days,
        champion_user_count,
        challenger_user_count,
        champion_hits,
        challenger_hits,
        champion_hit_rate,
        challenger_hit_rate,
        difference,
        difference_from,
        difference_to,
        toLowCardinality(multiIf(
            is_enough and is_beyond_chance and difference > 0, 'challenger is better',
            is_enough and is_beyond_chance, 'champion is better',
            is_final, 'no difference found',
            'cannot tell yet'
        )) as verdict,
        is_final
    from compared

)

select * from judged
