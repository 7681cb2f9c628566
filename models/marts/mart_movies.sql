{{
    config(
        order_by='movie_id',
    )
}}

with

movies as (

    select * from {{ ref('stg_dataflix__movies') }}

),

counted as (

    select
        *,
        count() over (partition by title) as with_title,
        count() over (partition by title, release_year) as with_title_and_year
    from movies

),

labelled as (

    select
        *,
        multiIf(
            title = '', concat('Movie ', toString(movie_id)),
            with_title = 1, title,
            with_title_and_year = 1 and release_year > 0,
            concat(title, ' (', toString(release_year), ')'),
            concat(title, ' (movie ', toString(movie_id), ')')
        ) as label
    from counted

),

described as (

    select
        movie_id,
        title,
        label,
        director,
        genres,
        arrayStringConcat(genres, ', ') as genre_list,
        primary_genre,
        nullIf(release_year, 0) as release_year,
        nullIf(duration_minutes, 0) as duration_minutes
    from labelled

)

select * from described
