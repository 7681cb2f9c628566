with

source as (

    select * from {{ source('dataflix', 'watched_movies') }}

),

renamed as (

    select
        -- ids
        {{ as_id('user_id') }} as user_id,
        {{ as_id('movie_id') }} as movie_id,

        -- timestamps
        {{ as_utc('watched_at') }} as watched_at,
        {{ loaded_at() }} as loaded_at

    from source

)

select * from renamed
