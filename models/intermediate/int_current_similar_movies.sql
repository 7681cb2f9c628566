with

similar_movies as (

    select * from {{ ref('stg_recommender__similar_movies') }}

),

recommendable_movies as (

    select * from {{ ref('int_recommendable_movies') }}

),

current_run as (

    -- One value: with a join the rows of all runs would be read.
    select any(run_id) as run_id from {{ ref('int_publications') }}
    where is_current and is_of_this_dataset

),

of_current_run as (

    select
        movie_id,
        rank,
        similar_movie_id,
        cosine,
        similar_movie_id in (
            select recommendable_movies.movie_id
            from recommendable_movies
        ) as is_shown
    from similar_movies
    where run_id = assumeNotNull((select current_run.run_id from current_run))

),

withheld as (

    select
        movie_id,
        groupArray(rank) as ranks
    from of_current_run
    where not is_shown
    group by movie_id

),

joined as (

    select
        of_current_run.movie_id as movie_id,
        of_current_run.rank as published_rank,
        of_current_run.similar_movie_id as similar_movie_id,
        of_current_run.cosine as cosine,
        withheld.ranks as withheld_ranks
    from of_current_run
    left join withheld on of_current_run.movie_id = withheld.movie_id
    where of_current_run.is_shown

),

shown as (

    -- Those behind a withheld one move up.
    select
        movie_id,
        toUInt16(
            published_rank - arrayCount(place -> place < published_rank, withheld_ranks)
        ) as rank,
        similar_movie_id,
        cosine
    from joined

)

select * from shown
