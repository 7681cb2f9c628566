with

source as (

    select * from {{ source('recommender', 'movie_factors') }}

),

renamed as (

    select
        -- ids
        run_id,
        movie_id,
        feature,

        -- numerics
        weight

    from source

)

select * from renamed
