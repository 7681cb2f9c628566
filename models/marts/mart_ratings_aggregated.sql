{{
    config(
        order_by='movie_id',
    )
}}

with

movies as (

    select * from {{ ref('mart_movies') }}

),

ratings as (

    -- 0 is of those who only watched.
    select * from {{ ref('int_movie_ratings') }}
    where rating > 0

),

summed as (

    select
        movie_id,
        toUInt32(sum(user_count)) as rating_count,
        sum(toFloat64(rating) * user_count) / rating_count as mean,
        sum(pow(toFloat64(rating), 2) * user_count) / rating_count as mean_square,
        min(rating) as lowest_rating,
        max(rating) as highest_rating,
        sumIf(user_count, rating >= 4) / rating_count as positive_share,
        arraySort(groupArray((rating, user_count))) as in_order
    from ratings
    group by movie_id

),

per_movie as (

    select
        movie_id,
        rating_count,
        toFloat32(mean) as average_rating,
        -- The lowest that, with all below it, more than half have given.
        toFloat32(
            arrayFirst(
                (value, so_far) -> so_far > intDiv(rating_count, 2),
                in_order.1,
                arrayCumSum(in_order.2)
            )
        ) as median_rating,
        toFloat32(sqrt(greatest(mean_square - pow(mean, 2), 0))) as rating_deviation,
        lowest_rating,
        highest_rating,
        toFloat32(positive_share) as positive_share
    from summed

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
