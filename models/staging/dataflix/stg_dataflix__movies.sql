with

source as (

    select * from {{ source('dataflix', 'movies') }}

),

renamed as (

    select
        -- ids
        {{ as_id('movie_id') }} as movie_id,

        -- strings
        {{ as_text('title') }} as title,
        toLowCardinality({{ as_text('director') }}) as director,

        -- arrays
        arrayFilter(
            genre -> genre not in ('', '(no genres listed)'),
            arrayMap(genre -> trim(genre), splitByChar('|', {{ as_text('genres') }}))
        ) as genres,

        -- numerics
        toUInt16(coalesce(accurateCastOrNull(release_year, 'UInt16'), 0)) as release_year,
        toUInt16(coalesce(accurateCastOrNull(duration_minutes, 'UInt16'), 0)) as duration_minutes,

        -- what may be shown
        {{ available_from() }} as available_from,
        {{ available_until() }} as available_until,
        {{ is_listed() }} as is_listed,
        {{ countries() }} as countries,
        {{ age_rating() }} as age_rating

    from source

),

deduplicated as (

    select
        movie_id,
        title,
        director,
        cast(genres, 'Array(LowCardinality(String))') as genres,
        toLowCardinality(genres[1]) as primary_genre,
        release_year,
        duration_minutes,
        available_from,
        available_until,
        is_listed,
        countries,
        age_rating
    from renamed
    where movie_id > 0
    order by title asc, release_year asc
    limit 1 by movie_id

)

select * from deduplicated
