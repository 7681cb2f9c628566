with

source as (

    select * from {{ source('recommender', 'recommendations') }}

),

renamed as (

    select
        -- ids
        run_id,
        user_id,
        movie_id,
        because_movie_id,
        -- Earlier releases gave the largest contribution as the reason, and kept nothing beside it.
        if(strongest_movie_id > 0, strongest_movie_id, because_movie_id) as strongest_movie_id,

        -- strings
        reason,
        arm,

        -- numerics
        rank,
        score

    from source

)

select * from renamed
