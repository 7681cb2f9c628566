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

    -- Not sorted: who wants to know which users there are has no use for hashes to sort by.
    select
        user_id,
        arraySort(
            row -> (-toUnixTimestamp64Milli(row.3), row.1),
            groupArray((email_hash, country, signed_up_at))
        )[1] as kept
    from hashed
    group by user_id

),

unpacked as (

    select
        user_id,
        kept.1 as email_hash,
        toLowCardinality(kept.2) as country,
        kept.3 as signed_up_at
    from deduplicated

)

select * from unpacked
