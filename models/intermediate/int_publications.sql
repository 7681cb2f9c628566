with

publications as (

    select * from {{ ref('stg_recommender__training_runs') }}

),

current_run as (

    select * from {{ ref('stg_recommender__current_run') }}

),

dataset as (

    select distinct dataset_id from {{ ref('mart_dataset') }}

),

followed_by as (

    -- The order in which the view current_run takes them.
    select
        *,
        leadInFrame(toNullable(published_at)) over (
            order by
                published_at,
                run_id
            rows between unbounded preceding and unbounded following
        ) as replaced_at
    from publications

),

marked as (

    select
        publications.*,
        toBool((publications.published_at, publications.run_id) in (
            select
                current_run.published_at,
                current_run.run_id
            from current_run
        )) as is_current,
        -- Runs of releases that did not record it have no id, and were of any.
        toBool(
            publications.dataset_id = ''
            or publications.dataset_id in (select dataset.dataset_id from dataset)
        ) as is_of_this_dataset
    from followed_by as publications

)

select * from marked
