with

source as (

    select * from {{ source('dataflix', 'users') }}

),

renamed as (

    select
        -- ids
        {{ as_id('user_id') }} as user_id,

        -- strings
        lower(trim({{ as_text('email') }})) as address,
        toLowCardinality({{ as_text('country') }}) as country,

        -- timestamps
        {{ as_utc('signed_up_at') }} as signed_up_at

    from source

),

hashed as (

    select
        user_id,
        if(address = '', '', lower(hex(SHA256(address)))) as email_hash,
        country,
        signed_up_at
    from renamed
    where user_id > 0

),

deduplicated as (

    select * from hashed
    order by signed_up_at desc, email_hash asc
    limit 1 by user_id

)

select * from deduplicated
