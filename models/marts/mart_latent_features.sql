{{
    config(
        order_by='feature',
    )
}}

with

movie_factors as (

    select * from {{ ref('int_current_movie_factors') }}
    where weight > 0

),

movies as (

    select * from {{ ref('mart_movies') }}

),

strongest as (

    select *
    from movie_factors
    order by weight desc, movie_id asc
    limit 10 by feature

),

named as (

    select
        strongest.feature as feature,
        strongest.weight as weight,
        strongest.movie_id as movie_id,
        -- Under a title that two movies have, nobody knows which one is meant.
        movies.label as title,
        movies.genres as genres
    from strongest
    left join movies on strongest.movie_id = movies.movie_id

),

top_movies as (

    select
        feature,
        -- Of equal weights the lower id comes first.
        arrayReverseSort(groupArray((weight, -toInt64(movie_id), movie_id, title))) as ranked,
        arrayMap(item -> item.3, ranked) as movie_ids,
        arrayMap(item -> item.4, ranked) as titles,
        arrayMap(item -> item.1, ranked) as weights
    from named
    group by feature

),

genre_weights as (

    select
        feature,
        genre,
        sum(weight) as genre_weight
    from named
    array join genres as genre
    group by feature, genre

),

top_genres as (

    select
        feature,
        arrayReverseSort(groupArray((genre_weight, genre))) as ranked,
        cast(arrayMap(item -> item.2, ranked), 'Array(LowCardinality(String))') as genres,
        arrayStringConcat(arraySlice(genres, 1, 2), ', ') as label
    from genre_weights
    group by feature

),

described as (

    select
        top_movies.feature as feature,
        top_genres.label as label,
        top_genres.genres as genres,
        top_movies.movie_ids as movie_ids,
        top_movies.titles as titles,
        top_movies.weights as weights
    from top_movies
    left join top_genres on top_movies.feature = top_genres.feature

)

select * from described
