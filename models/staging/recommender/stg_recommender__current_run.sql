with

source as (

    select * from {{ source('recommender', 'current_run') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- timestamps
        published_at

    from source

)

select * from renamed
