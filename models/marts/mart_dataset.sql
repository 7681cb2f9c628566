{{
    config(
        order_by='(entity, entity_id)',
        persist_docs={'relation': false, 'columns': true},
        post_hook='{{ stamp_invocation() }}',
    )
}}

-- It says what these two hold, and is built with them:
-- depends_on: {{ ref('mart_movies') }}
-- depends_on: {{ ref('mart_users') }}

with

identities as (

    select * from {{ ref('int_identities') }}

),

published_samples as (

    select * from {{ ref('stg_recommender__dataset_samples') }}
    -- Two names are two data sets; no name is any.
    where {{ dataset_label() }} in ('', dataset_label) or dataset_label = ''

),

compared as (

    -- What the samples of published runs name, and is here too: does it mean the same?
    select
        published_samples.run_id as run_id,
        published_samples.entity as entity,
        any(published_samples.dataset_id) as dataset_id,
        any(published_samples.dataset_label) as dataset_label,
        max(published_samples.sampled_at) as sampled_at,
        count() as still_here,
        countIf(
            empty(published_samples.identities)
            or empty(identities.identities)
            or hasAny(published_samples.identities, identities.identities)
        ) as unchanged
    from identities
    inner join published_samples
        on
            identities.entity = published_samples.entity
            and identities.entity_id = published_samples.entity_id
    group by published_samples.run_id, published_samples.entity

),

matching as (

    -- Runs of the data set that is here: of movies and of users, at least half are the same.
    select
        run_id,
        any(dataset_id) as dataset_id,
        any(dataset_label) as dataset_label,
        max(sampled_at) as sampled_at
    from compared
    group by run_id
    having count() = 2 and min(unchanged * 2 >= still_here)

),

newest as (

    select
        argMax(dataset_id, (sampled_at, run_id)) as dataset_id,
        argMax(dataset_label, (sampled_at, run_id)) as dataset_label
    from matching

),

sampled as (

    -- By a hash of the id, so that a data set that grows keeps most of its sample.
    select * from identities
    order by cityHash64(entity_id) asc, entity_id asc
    limit {{ var('dataset_sample') }} by entity

),

whole as (

    -- One array, from which the hash and the rows come: the sample is drawn once.
    select arraySort(groupArray((entity, entity_id, identities))) as kept_rows
    from sampled

),

fresh as (

    select
        arrayJoin(kept_rows) as kept,
        lower(substring(hex(cityHash64({{ dataset_label() }}, kept_rows)), 1, 8)) as dataset_id
    from whole

),

labelled as (

    select
        toLowCardinality(fresh.kept.1) as entity,
        fresh.kept.2 as entity_id,
        fresh.kept.3 as identities,
        toLowCardinality(if(newest.dataset_id = '', fresh.dataset_id, newest.dataset_id))
            as dataset_id,
        toLowCardinality(
            if({{ dataset_label() }} = '', newest.dataset_label, {{ dataset_label() }})
        ) as dataset_label
    from fresh
    cross join newest

)

select * from labelled
