{{
    config(
        order_by='genre',
    )
}}

with

reach as (

    select * from {{ ref('mart_movie_reach') }}

),

totals as (

    select
        sum(seen_user_count) as seen_count,
        sum(recommended_user_count) as recommended_count,
        count() as movie_count
    from reach

),

per_genre as (

    select
        genre,
        toUInt32(count()) as movie_count,
        sum(seen_user_count) as seen_count,
        sum(recommended_user_count) as recommended_count
    from reach
    array join genres as genre
    group by genre

),

shares as (

    select
        per_genre.genre as genre,
        per_genre.movie_count as movie_count,
        toFloat32(per_genre.movie_count / totals.movie_count) as catalogue_share,
        per_genre.seen_count as seen_count,
        toFloat32(per_genre.seen_count / greatest(totals.seen_count, 1)) as seen_share,
        per_genre.recommended_count as recommended_count,
        toFloat32(per_genre.recommended_count / greatest(totals.recommended_count, 1))
            as recommended_share
    from per_genre
    cross join totals

)

select * from shares
