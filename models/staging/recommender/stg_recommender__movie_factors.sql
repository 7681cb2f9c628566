with

source as (

    select * from {{ source('recommender', 'movie_factors') }}

),

current_run as (

    select * from {{ ref('stg_recommender__training_runs') }}
    where is_current

),

of_current_run as (

    select
        -- ids
        movie_id,
        feature,

        -- numerics
        weight

    from source
    where run_id in (select current_run.run_id from current_run)

)

select * from of_current_run
