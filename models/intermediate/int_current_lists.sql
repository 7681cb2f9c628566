{{
    config(
        materialized='table',
        order_by='(user_id, rank)',
    )
}}

-- A table: what is derived here takes ten times as long as reading it, and five others read it.

with

recommendations as (

    select * from {{ ref('stg_recommender__recommendations') }}

),

users as (

    select * from {{ ref('mart_users', v=1) }}

),

recommendable_movies as (

    select * from {{ ref('int_recommendable_movies') }}

),

current_run as (

    select * from {{ ref('int_publications') }}
    where is_current and is_of_this_dataset

),

-- What all rows have in common is not joined to millions of them, but is one value.
of_all as (

    select
        any((
            run_id,
            mlflow_run_id,
            params['challenger_run_id'],
            model_version,
            params['challenger_version'],
            published_at
        )) as values_of_run
    from current_run

),

of_current_run as (

    -- With a value, unlike with a join, the lists of other runs are not read.
    select * from recommendations
    where run_id = assumeNotNull((select of_all.values_of_run.1 from of_all))

),

not_shown_everywhere as (

    select
        user_id,
        rank,
        movie_id
    from of_current_run
    where
        movie_id not in (
            select recommendable_movies.movie_id
            from recommendable_movies
            where recommendable_movies.country = ''
        )

),

-- Users are looked up only for what is not shown everywhere, which is little or nothing.
shown_in_a_country as (

    select
        not_shown_everywhere.user_id as user_id,
        not_shown_everywhere.rank as rank
    from not_shown_everywhere
    inner join users on not_shown_everywhere.user_id = users.user_id
    inner join recommendable_movies
        on not_shown_everywhere.movie_id = recommendable_movies.movie_id
    where upper(trim(users.country)) = upper(trim(recommendable_movies.country))

),

withheld as (

    select
        user_id,
        groupArray(rank) as ranks
    from not_shown_everywhere
    where
        (user_id, rank) not in (
            select
                shown_in_a_country.user_id,
                shown_in_a_country.rank
            from shown_in_a_country
        )
    group by user_id

),

joined as (

    select
        of_current_run.user_id as user_id,
        of_current_run.rank as rank,
        of_current_run.movie_id as movie_id,
        of_current_run.score as score,
        of_current_run.reason as reason,
        of_current_run.because_movie_id as because_movie_id,
        of_current_run.strongest_movie_id as strongest_movie_id,
        of_current_run.arm as arm,
        (select of_all.values_of_run from of_all) as values_of_run,
        toBool(not has(withheld.ranks, of_current_run.rank)) as is_shown,
        withheld.ranks as withheld_ranks
    from of_current_run
    left join withheld on of_current_run.user_id = withheld.user_id

),

ranked as (

    -- Those behind a withheld one move up.
    select
        user_id,
        rank,
        movie_id,
        score,
        reason,
        because_movie_id,
        strongest_movie_id,
        arm,
        toLowCardinality(assumeNotNull(values_of_run.1)) as run_id,
        toLowCardinality(assumeNotNull(if(arm = 'challenger', values_of_run.3, values_of_run.2)))
            as mlflow_run_id,
        toLowCardinality(assumeNotNull(if(arm = 'challenger', values_of_run.5, values_of_run.4)))
            as model_version,
        assumeNotNull(values_of_run.6) as published_at,
        is_shown,
        toUInt16(
            if(is_shown, rank - arrayCount(place -> place < rank, withheld_ranks), 0)
        ) as shown_rank
    from joined

)

select * from ranked
