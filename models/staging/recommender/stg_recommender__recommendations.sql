with

source as (

    select * from {{ source('recommender', 'recommendations') }}

),

current_run as (

    select * from {{ ref('stg_recommender__training_runs') }}
    where is_current

),

of_current_run as (

    select
        -- ids
        user_id,
        movie_id,
        because_movie_id,
        -- Earlier releases gave the largest contribution as the reason, and kept nothing beside it.
        if(strongest_movie_id > 0, strongest_movie_id, because_movie_id) as strongest_movie_id,

        -- strings
        reason,

        -- numerics
        rank,
        score

    from source
    where run_id in (select current_run.run_id from current_run)

)

select * from of_current_run
