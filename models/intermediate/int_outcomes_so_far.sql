{%- set windows = {'1_day': 1, '7_days': 7, '28_days': 28} -%}

with

followed_lists as (

    select * from {{ ref('int_followed_lists') }}

),

lives as (

    select
        published_at,
        run_id,
        1 as everything
    from {{ ref('int_publications') }}

),

publications as (

    -- Ids of another data set would meet these by accident.
    select * from {{ ref('int_publications') }}
    where is_of_this_dataset

),

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

),

impressions as (

    select * from {{ ref('stg_dataflix__impressions') }}

),

reach as (

    select least(max(last_interacted_at), now64(3, 'UTC')) as known_until
    from interactions

),

firsts as (

    select
        user_id,
        movie_id,
        first_interacted_at
    from interactions
    where first_interacted_at >= (select min(followed_lists.published_at) from followed_lists)

),

shown as (

    -- Whatever was shown comes from the publication that was live then.
    select
        lives.published_at as published_at,
        lives.run_id as run_id,
        impressions.user_id as user_id,
        impressions.movie_id as movie_id,
        min(impressions.shown_at) as shown_at
    from (select *, 1 as everything from impressions) as impressions
    asof inner join lives
        on
            impressions.everything = lives.everything
            and impressions.shown_at >= lives.published_at
    where impressions.shown_at >= (select min(followed_lists.published_at) from followed_lists)
    group by
        published_at,
        run_id,
        user_id,
        movie_id

),

timed as (

    -- What never happened has the time 0, which is before every publication.
    select
        followed_lists.published_at as published_at,
        followed_lists.run_id as run_id,
        followed_lists.rank as rank,
        followed_lists.reason as reason,
        {{ 'shown.shown_at' if var('impressions') else 'followed_lists.published_at' }} as shown_at,
        own.first_interacted_at as own_at,
        popular.first_interacted_at as popular_at
    from followed_lists
    left join firsts as own
        on
            followed_lists.user_id = own.user_id
            and followed_lists.movie_id = own.movie_id
    left join firsts as popular
        on
            followed_lists.user_id = popular.user_id
            and followed_lists.popular_movie_id = popular.movie_id
    left join shown
        on
            followed_lists.published_at = shown.published_at
            and followed_lists.run_id = shown.run_id
            and followed_lists.user_id = shown.user_id
            and followed_lists.movie_id = shown.movie_id

),

known as (

    select
        timed.published_at as published_at,
        timed.run_id as run_id,
        timed.rank as rank,
        timed.reason as reason,
        timed.shown_at as shown_at,
        timed.own_at as own_at,
        timed.popular_at as popular_at,
        publications.mlflow_run_id as mlflow_run_id,
        accurateCastOrNull(publications.model_version, 'UInt32') as model_version,
        publications.dataset_id as dataset_id,
        publications.replaced_at as replaced_at,
        reach.known_until as known_until,
        timed.shown_at >= timed.published_at as is_shown,
        is_shown and timed.own_at >= timed.shown_at as is_hit,
        is_shown and timed.popular_at >= timed.shown_at as is_popular_hit
    from timed
    inner join publications
        on
            timed.published_at = publications.published_at
            and timed.run_id = publications.run_id
    cross join reach

),

counted as (

    select
        published_at,
        run_id,
        mlflow_run_id,
        model_version,
        dataset_id,
        replaced_at,
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
            toNullable(countIf(is_hit and own_at < published_at + interval {{ days }} day)),
            null
        ) as hits_within_{{ name }},
        {%- endfor %}
        countIf(
            is_hit
            and own_at < published_at + interval 28 day
            and (replaced_at is null or own_at < replaced_at)
        ) as hits_while_live,
        {%- for name, days in windows.items() %}
        if(
            known_until >= published_at + interval {{ days }} day,
            toNullable(
                countIf(is_popular_hit and popular_at < published_at + interval {{ days }} day)
            ),
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
        rank,
        reason

)

select * from counted
