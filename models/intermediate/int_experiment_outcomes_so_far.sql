{{
    config(
        materialized='table',
        order_by='(experiment, challenger_run_id, window_days)',
    )
}}

with

followed_hits as (

    select * from {{ ref('int_followed_hits') }}
    where arm != ''

),

publications as (

    select
        *,
        params['experiment'] as experiment,
        params['challenger_run_id'] as challenger_run_id
    from {{ ref('int_publications') }}
    where
        is_of_this_dataset
        and params['experiment'] != ''

),

experiments as (

    select
        experiment,
        challenger_run_id,
        min(published_at) as started_at,
        max(published_at) as last_published_at,
        -- A null is not among what argMax looks at.
        tupleElement(argMax(tuple(replaced_at), published_at), 1) as ended_at,
        accurateCastOrNull(any(params['challenger_version']), 'UInt32') as challenger_version,
        accurateCastOrNull(argMax(model_version, published_at), 'UInt32') as champion_version,
        any(dataset_id) as dataset_id,
        toFloat64OrZero(argMax(params['experiment_share'], published_at)) as share
    from publications
    group by
        experiment,
        challenger_run_id

),

counted as (

    -- Four weeks of publications: of earlier ones than that the lists are not followed any more.
    select
        publications.published_at as published_at,
        publications.run_id as run_id,
        publications.experiment as experiment,
        publications.challenger_run_id as challenger_run_id,
        arrayJoin([1, 7, 28]) as window_days
    from publications
    inner join experiments
        on
            publications.experiment = experiments.experiment
            and publications.challenger_run_id = experiments.challenger_run_id
    where publications.published_at < experiments.started_at + interval 28 day

),

passed as (

    select
        counted.experiment as experiment,
        counted.challenger_run_id as challenger_run_id,
        counted.window_days as window_days,
        followed_hits.arm as arm,
        followed_hits.user_id as user_id,
        any(followed_hits.known_until) as known_until,
        countIf(
            followed_hits.is_shown
            and followed_hits.shown_at < counted.published_at + toIntervalDay(counted.window_days)
        ) as shown,
        countIf(
            followed_hits.is_hit
            and followed_hits.hit_at < counted.published_at + toIntervalDay(counted.window_days)
        ) as hits
    from followed_hits
    inner join counted
        on
            followed_hits.published_at = counted.published_at
            and followed_hits.run_id = counted.run_id
    where
        followed_hits.known_until
        >= counted.published_at + toIntervalDay(counted.window_days)
    group by
        experiment,
        challenger_run_id,
        window_days,
        arm,
        user_id

),

arms as (

    -- Users are what was divided at random; what one user does is not so many chances.
    select
        experiment,
        challenger_run_id,
        window_days,
        max(known_until) as known_until,
        countIf(arm = 'champion') as champion_user_count,
        countIf(arm = 'challenger') as challenger_user_count,
        sumIf(hits, arm = 'champion') as champion_hits,
        sumIf(hits, arm = 'challenger') as challenger_hits,
        avgIf(hits / shown, arm = 'champion') as champion_mean,
        avgIf(hits / shown, arm = 'challenger') as challenger_mean,
        varSampIf(hits / shown, arm = 'champion') as champion_variance,
        varSampIf(hits / shown, arm = 'challenger') as challenger_variance
    from passed
    where shown > 0
    group by
        experiment,
        challenger_run_id,
        window_days

),

windows as (

    select
        *,
        arrayJoin([1, 7, 28]) as window_days
    from experiments

),

measured as (

    select
        windows.experiment as experiment,
        windows.challenger_run_id as challenger_run_id,
        windows.challenger_version as challenger_version,
        windows.champion_version as champion_version,
        windows.dataset_id as dataset_id,
        windows.share as share,
        windows.started_at as started_at,
        windows.ended_at as ended_at,
        toUInt8(windows.window_days) as window_days,
        arms.champion_user_count as champion_user_count,
        arms.challenger_user_count as challenger_user_count,
        arms.champion_hits as champion_hits,
        arms.challenger_hits as challenger_hits,
        if(arms.champion_user_count > 0, toNullable(arms.champion_mean), null)
            as champion_hit_rate,
        if(arms.challenger_user_count > 0, toNullable(arms.challenger_mean), null)
            as challenger_hit_rate,
        if(
            arms.champion_user_count > 1 and arms.challenger_user_count > 1,
            toNullable(sqrt(
                arms.champion_variance / arms.champion_user_count
                + arms.challenger_variance / arms.challenger_user_count
            )),
            null
        ) as standard_error,
        toBool(
            (
                windows.ended_at is not null
                or arms.known_until >= windows.started_at + interval 28 day
            )
            and arms.known_until
            >= least(windows.last_published_at, windows.started_at + interval 28 day)
            + toIntervalDay(windows.window_days)
        ) as is_final
    from windows
    left join arms
        on
            windows.experiment = arms.experiment
            and windows.challenger_run_id = arms.challenger_run_id
            and windows.window_days = arms.window_days

)

select * from measured
