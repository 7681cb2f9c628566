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
        followed_hits.*,
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
        replaced_at,
        known_until,
        arm,
        rank,
        reason

),

described as (

    -- After the counting: grouped by, these texts would be compared for each of millions of rows.
    select
        counted.published_at as published_at,
        counted.run_id as run_id,
        if(
            counted.arm = 'challenger',
            publications.params['challenger_run_id'],
            publications.mlflow_run_id
        ) as mlflow_run_id,
        accurateCastOrNull(
            if(
                counted.arm = 'challenger',
                publications.params['challenger_version'],
                publications.model_version
            ),
            'UInt32'
        ) as model_version,
        publications.dataset_id as dataset_id,
        counted.replaced_at as replaced_at,
        counted.arm as arm,
        counted.rank as rank,
        counted.reason as reason,
        counted.list_count as list_count,
        {%- for name in windows %}
            counted.shown_within_{{ name }} as shown_within_{{ name }},
        {%- endfor %}
        {%- for name in windows %}
            counted.hits_within_{{ name }} as hits_within_{{ name }},
        {%- endfor %}
        counted.hits_while_live as hits_while_live,
        {%- for name in windows %}
            counted.popular_hits_within_{{ name }} as popular_hits_within_{{ name }},
        {%- endfor %}
        counted.is_final as is_final
    from counted
    inner join publications
        on
            counted.published_at = publications.published_at
            and counted.run_id = publications.run_id

)

select * from described
