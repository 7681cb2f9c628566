{{
    config(
        materialized='table',
        order_by='(published_at, run_id, arm, rank, reason)',
    )
}}

{%- set windows = {'1_day': 1, '7_days': 7, '28_days': 28} %}

with

followed_hits as (

    select * from {{ ref('int_followed_hits') }}

),

publications as (

    -- Ids of another data set would meet these by accident.
    select * from {{ ref('int_publications') }}
    where is_of_this_dataset

),

known as (

    select
        followed_hits.published_at as published_at,
        followed_hits.run_id as run_id,
        followed_hits.rank as rank,
        followed_hits.reason as reason,
        followed_hits.arm as arm,
        followed_hits.is_shown as is_shown,
        followed_hits.shown_at as shown_at,
        followed_hits.is_hit as is_hit,
        followed_hits.hit_at as hit_at,
        followed_hits.is_popular_hit as is_popular_hit,
        followed_hits.popular_hit_at as popular_hit_at,
        followed_hits.known_until as known_until,
        if(
            followed_hits.arm = 'challenger',
            publications.params['challenger_run_id'],
            publications.mlflow_run_id
        ) as mlflow_run_id,
        accurateCastOrNull(
            if(
                followed_hits.arm = 'challenger',
                publications.params['challenger_version'],
                publications.model_version
            ),
            'UInt32'
        ) as model_version,
        publications.dataset_id as dataset_id,
        publications.replaced_at as replaced_at
    from followed_hits
    inner join publications
        on
            followed_hits.published_at = publications.published_at
            and followed_hits.run_id = publications.run_id

),

counted as (

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
        count() as list_count,
        {%- for name, days in windows.items() %}
            if(
                known_until >= published_at + interval {{ days }} day,
                toNullable(countIf(is_shown and shown_at < published_at + interval {{ days }} day)),
                null
            ) as shown_within_{{ name }},
        {%- endfor %}
        {%- for name, days in windows.items() %}
            if(
                known_until >= published_at + interval {{ days }} day,
                toNullable(countIf(is_hit and hit_at < published_at + interval {{ days }} day)),
                null
            ) as hits_within_{{ name }},
        {%- endfor %}
        countIf(
            is_hit
            and hit_at < published_at + interval 28 day
            and (replaced_at is null or hit_at < replaced_at)
        ) as hits_while_live,
        {%- for name, days in windows.items() %}
            if(
                known_until >= published_at + interval {{ days }} day,
                toNullable(countIf(
                    is_popular_hit
                    and popular_hit_at < published_at + interval {{ days }} day
                )),
                null
            ) as popular_hits_within_{{ name }},
        {%- endfor %}
        toBool(known_until >= published_at + interval 28 day) as is_final
    from known
    group by
        published_at,
        run_id,
        mlflow_run_id,
        model_version,
        dataset_id,
        replaced_at,
        known_until,
        arm,
        rank,
        reason

)

select * from counted
