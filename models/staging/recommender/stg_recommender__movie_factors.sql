with

source as (

    select * from {{ source('recommender', 'movie_factors') }}

),

training_runs as (

    select * from {{ ref('stg_recommender__training_runs') }}

),

current_run as (

    select
        -- ids
        movie_id,
        feature,

        -- numerics
        weight

    from source
    where run_id in (select run_id from training_runs where is_current)

)

select * from current_run
