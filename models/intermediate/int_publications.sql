with

publications as (

    select * from {{ ref('stg_recommender__training_runs') }}

),

current_run as (

    select * from {{ ref('stg_recommender__current_run') }}

),

marked as (

    select
        publications.*,
        toBool((publications.published_at, publications.run_id) in (
            select
                current_run.published_at,
                current_run.run_id
            from current_run
        )) as is_current
    from publications

)

select * from marked
