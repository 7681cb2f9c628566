with

lists as (

    select * from {{ ref('int_current_lists') }}

),

shown as (

    select
        user_id,
        shown_rank as rank,
        movie_id,
        score,
        reason,
        because_movie_id,
        strongest_movie_id,
        arm,
        run_id,
        mlflow_run_id,
        model_version,
        published_at
    from lists
    where is_shown

)

select * from shown
