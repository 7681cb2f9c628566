with

source as (

    select * from {{ source('recommender', 'similar_movies') }}

),

renamed as (

    select
        -- ids
        run_id,
        movie_id,
        similar_movie_id,

        -- numerics
        rank,
        cosine

    from source

)

select * from renamed
