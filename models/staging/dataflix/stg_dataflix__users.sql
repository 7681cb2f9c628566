with

source as (

    select * from {{ source('dataflix', 'users') }}

),

renamed as (

    select
        -- ids
        {{ as_id('user_id') }} as user_id,

        -- strings
        lower(hex(SHA256(lower(trim(coalesce(toString(email), '')))))) as email_hash,
        toLowCardinality(coalesce(toString(country), '')) as country,

        -- timestamps
        {{ as_utc('signed_up_at') }} as signed_up_at

    from source

),

deduplicated as (

    select *
    from renamed
    where user_id > 0
    order by signed_up_at desc, email_hash asc
    limit 1 by user_id

)

select * from deduplicated
