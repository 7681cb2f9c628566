with

movie_factors as (

    select * from {{ ref('stg_recommender__movie_factors') }}

),

current_run as (

    -- One value: with a join the rows of all runs would be read.
    select any(run_id) as run_id from {{ ref('int_publications') }}
    where is_current and is_of_this_dataset

),

of_current_run as (

    select
        feature,
        movie_id,
        weight
    from movie_factors
    where run_id = assumeNotNull((select current_run.run_id from current_run))

)

select * from of_current_run
