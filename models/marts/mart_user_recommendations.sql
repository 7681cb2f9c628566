{{
    config(
        order_by='(user_id, rank)',
    )
}}

with

recommendations as (

    select * from {{ ref('int_current_recommendations') }}

),

movies as (

    -- Arrays of plain text: a join puts them into rows ten times as fast as LowCardinality.
    select
        movie_id,
        title,
        label,
        cast(genres, 'Array(String)') as genres,
        genre_list
    from {{ ref('mart_movies') }}

),

titles as (

    select
        movie_id,
        title,
        label
    from movies

),

joined as (

    select
        recommendations.user_id as user_id,
        recommendations.rank as rank,
        recommendations.movie_id as movie_id,
        movies.title as title,
        if(movies.label = '', concat('Movie ', toString(recommendations.movie_id)), movies.label)
            as label,
        cast(movies.genres, 'Array(LowCardinality(String))') as genres,
        toLowCardinality(movies.genre_list) as genre_list,
        recommendations.score as score,
        recommendations.reason as reason,
        toLowCardinality(multiIf(
            recommendations.reason = 'factors', 'as trained',
            recommendations.reason = 'fold_in', 'new or changed since',
            recommendations.reason = 'new', 'what the movie is',
            'nothing yet'
        )) as known,
        nullIf(recommendations.because_movie_id, 0) as because_movie_id,
        titles.title as because_title,
        multiIf(
            recommendations.reason = 'popular', 'popular with everyone',
            recommendations.reason = 'new', 'new, and like movies seen before',
            titles.label = '', 'fits the movies seen before',
            titles.label
        ) as because,
        nullIf(recommendations.strongest_movie_id, 0) as strongest_movie_id,
        recommendations.arm as arm,
        toLowCardinality(recommendations.run_id) as run_id,
        toLowCardinality(recommendations.mlflow_run_id) as mlflow_run_id,
        accurateCastOrNull(recommendations.model_version, 'UInt32') as model_version,
        recommendations.published_at as published_at
    from recommendations
    left join movies on recommendations.movie_id = movies.movie_id
    left join titles on recommendations.because_movie_id = titles.movie_id

)

select * from joined
