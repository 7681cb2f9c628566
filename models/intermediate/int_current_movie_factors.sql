with

movie_factors as (

    select * from {{ ref('stg_recommender__movie_factors') }}

),

current_run as (

    select * from {{ ref('int_publications') }}
    where is_current and is_of_this_dataset

),

of_current_run as (

    select
        movie_factors.feature as feature,
        movie_factors.movie_id as movie_id,
        movie_factors.weight as weight
    from movie_factors
    inner join current_run on movie_factors.run_id = current_run.run_id

)

select * from of_current_run
