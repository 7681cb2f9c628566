{{
    config(
        order_by='movie_id',
    )
}}

with

movies as (

    select * from {{ ref('mart_movies') }}

),

interactions as (

    select * from {{ ref('mart_user_movie_matrix') }}

),

per_movie as (

    select
        interactions.movie_id,
        toUInt32(count()) as rating_count,
        toFloat32(avg(interactions.rating)) as average_rating,
        toFloat32(medianExact(interactions.rating)) as median_rating,
        toFloat32(stddevPop(interactions.rating)) as rating_deviation,
        toFloat32(min(interactions.rating)) as lowest_rating,
        toFloat32(max(interactions.rating)) as highest_rating,
        toFloat32(countIf(interactions.rating >= 4) / count()) as positive_share
    from interactions
    where interactions.rating is not null
    group by interactions.movie_id

),

joined as (

    select
        per_movie.movie_id as movie_id,
        movies.title as title,
        movies.label as label,
        movies.genres as genres,
        movies.genre_list as genre_list,
        movies.primary_genre as primary_genre,
        per_movie.rating_count as rating_count,
        assumeNotNull(per_movie.average_rating) as average_rating,
        assumeNotNull(per_movie.median_rating) as median_rating,
        assumeNotNull(per_movie.rating_deviation) as rating_deviation,
        assumeNotNull(per_movie.lowest_rating) as lowest_rating,
        assumeNotNull(per_movie.highest_rating) as highest_rating,
        per_movie.positive_share as positive_share
    from per_movie
    inner join movies on per_movie.movie_id = movies.movie_id

)

select * from joined
