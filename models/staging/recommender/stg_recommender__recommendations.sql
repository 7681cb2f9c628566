with

source as (

    select * from {{ source('recommender', 'recommendations') }}

),

training_runs as (

    select * from {{ ref('stg_recommender__training_runs') }}

),

current_run as (

    select
        -- ids
        user_id,
        movie_id,
        because_movie_id,

        -- strings
        reason,

        -- numerics
        rank,
        score

    from source
    where run_id in (select run_id from training_runs where is_current)

)

select * from current_run
