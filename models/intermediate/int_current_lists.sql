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

of_current_run as (

    select
        recommendations.user_id as user_id,
        recommendations.rank as rank,
        recommendations.movie_id as movie_id,
        recommendations.score as score,
        recommendations.reason as reason,
        recommendations.because_movie_id as because_movie_id,
        recommendations.strongest_movie_id as strongest_movie_id,
        recommendations.arm as arm,
        recommendations.run_id as run_id,
        if(
            recommendations.arm = 'challenger',
            current_run.params['challenger_run_id'],
            current_run.mlflow_run_id
        ) as mlflow_run_id,
        if(
            recommendations.arm = 'challenger',
            current_run.params['challenger_version'],
            current_run.model_version
        ) as model_version,
        current_run.published_at as published_at,
        recommendations.movie_id in (
            select recommendable_movies.movie_id
            from recommendable_movies
            where recommendable_movies.country = ''
        ) as is_shown_everywhere
    from recommendations
    inner join current_run on recommendations.run_id = current_run.run_id

),

-- Users are looked up only for what is not shown everywhere, which is little or nothing.
shown_in_a_country as (

    select
        of_current_run.user_id as user_id,
        of_current_run.movie_id as movie_id
    from of_current_run
    inner join users on of_current_run.user_id = users.user_id
    inner join recommendable_movies on of_current_run.movie_id = recommendable_movies.movie_id
    where
        not of_current_run.is_shown_everywhere
        and upper(trim(users.country)) = upper(trim(recommendable_movies.country))

),

judged as (

    select
        * except (is_shown_everywhere),
        toBool(
            is_shown_everywhere
            or (user_id, movie_id) in (
                select
                    shown_in_a_country.user_id,
                    shown_in_a_country.movie_id
                from shown_in_a_country
            )
        ) as is_shown
    from of_current_run

),

withheld as (

    select
        user_id,
        groupArray(rank) as ranks
    from judged
    where not is_shown
    group by user_id

),

joined as (

    select
        judged.*,
        withheld.ranks as withheld_ranks
    from judged
    left join withheld on judged.user_id = withheld.user_id

),

ranked as (

    -- Those behind a withheld one move up.
    select
        * except (withheld_ranks),
        toUInt16(
            if(is_shown, rank - arrayCount(place -> place < rank, withheld_ranks), 0)
        ) as shown_rank
    from joined

)

select * from ranked
