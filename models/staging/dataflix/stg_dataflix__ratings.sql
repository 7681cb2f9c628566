with

source as (

    select * from {{ source('dataflix', 'ratings') }}

),

renamed as (

    select
        -- ids
        {{ as_id('user_id') }} as user_id,
        {{ as_id('movie_id') }} as movie_id,

        -- numerics
        toFloat32(coalesce(accurateCastOrNull(rating, 'Float64'), 0)) as rating,

        -- timestamps
        {{ as_utc('rated_at') }} as rated_at,
        {{ loaded_at() }} as loaded_at

    from source

)

select * from renamed
