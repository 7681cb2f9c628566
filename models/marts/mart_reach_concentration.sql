{{
    config(
        order_by='percent',
    )
}}

with

reach as (

    select * from {{ ref('mart_movie_reach') }}

),

cumulated as (

    select
        count() as movie_count,
        arrayCumSum(arrayReverseSort(groupArray(toUInt64(recommended_user_count)))) as recommended,
        arrayCumSum(arrayReverseSort(groupArray(toUInt64(seen_user_count)))) as seen
    from reach

),

percents as (

    -- The first movies of a small catalogue are more than one per cent of it.
    select
        percent,
        toUInt64(ceil(movie_count * percent / 100)) as strongest_count,
        recommended,
        seen
    from cumulated
    array join arrayMap(number -> toUInt8(number), range(101)) as percent
    where movie_count > 0

),

shares as (

    select
        percent,
        toUInt32(strongest_count) as movie_count,
        -- Arrays count from 1, and what is before the first is 0.
        toFloat32(seen[strongest_count] / greatest(seen[-1], 1)) as seen_share,
        toFloat32(recommended[strongest_count] / greatest(recommended[-1], 1)) as recommended_share
    from percents

)

select * from shares
