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

rated as (

    -- Without the type that allows null, which takes longer to aggregate.
    select
        interactions.movie_id as movie_id,
        assumeNotNull(interactions.rating) as rating
    from interactions
    -- Without the table's name it would be the column above.
    where interactions.rating is not null

),

per_movie as (

    select
        rated.movie_id,
        toUInt32(count()) as rating_count,
        toFloat32(avg(rated.rating)) as average_rating,
        toFloat32(medianExact(rated.rating)) as median_rating,
        toFloat32(stddevPop(rated.rating)) as rating_deviation,
        toFloat32(min(rated.rating)) as lowest_rating,
        toFloat32(max(rated.rating)) as highest_rating,
        toFloat32(countIf(rated.rating >= 4) / count()) as positive_share
    from rated
    group by rated.movie_id

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
        per_movie.average_rating as average_rating,
        per_movie.median_rating as median_rating,
        per_movie.rating_deviation as rating_deviation,
        per_movie.lowest_rating as lowest_rating,
        per_movie.highest_rating as highest_rating,
        per_movie.positive_share as positive_share
    from per_movie
    inner join movies on per_movie.movie_id = movies.movie_id

)

select * from joined
