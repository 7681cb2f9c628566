{{ config(severity='warn') }}

with

runs as (

    select * from {{ ref('mart_training_runs') }}

),

beaten as (

    -- A run that was not evaluated has null here, which compares to nothing.
    select
        run_id,
        model_version,
        ndcg_at_10,
        popularity_ndcg_at_10
    from runs
    where is_current and ndcg_at_10 < popularity_ndcg_at_10

)

select * from beaten
