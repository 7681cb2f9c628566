with

source as (

    select * from {{ source('recommender_datasets', 'dataset_samples') }}

),

renamed as (

    select
        -- ids
        run_id,
        dataset_id,
        entity_id,

        -- strings
        dataset_label,
        entity,

        -- arrays
        identities,

        -- timestamps
        sampled_at

    from source

)

select * from renamed
