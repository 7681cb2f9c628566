with

lists as (

    select * from {{ ref('int_current_lists') }}

),

withheld as (

    select
        user_id,
        groupArray(rank) as ranks
    from lists
    where not is_shown
    group by user_id

),

shown as (

    -- Those behind a withheld one move up.
    select
        lists.user_id as user_id,
        toUInt16(
            lists.rank - arrayCount(withheld_rank -> withheld_rank < lists.rank, withheld.ranks)
        ) as rank,
        lists.movie_id as movie_id,
        lists.score as score,
        lists.reason as reason,
        lists.because_movie_id as because_movie_id,
        lists.strongest_movie_id as strongest_movie_id,
        lists.run_id as run_id,
        lists.mlflow_run_id as mlflow_run_id,
        lists.model_version as model_version,
        lists.published_at as published_at
    from lists
    left join withheld on lists.user_id = withheld.user_id
    where lists.is_shown

)

select * from shown
