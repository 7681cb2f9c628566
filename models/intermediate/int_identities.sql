with

movies as (

    select * from {{ ref('stg_dataflix__movies') }}

),

users as (

    select * from {{ ref('stg_dataflix__users') }}

),

-- Sixteen bits of a hash tell two data sets apart, and are too few to find a person by.
identified as (

    select
        'movie' as entity,
        movie_id as entity_id,
        if(
            title = '',
            emptyArrayUInt16(),
            [toUInt16(cityHash64(lowerUTF8(trim(title))) % 65536)]
        ) as identities
    from movies

    union all

    select
        'user' as entity,
        user_id as entity_id,
        arrayConcat(
            if(
                email_hash = '',
                emptyArrayUInt16(),
                [toUInt16(cityHash64('email', email_hash) % 65536)]
            ),
            if(
                coalesce(toUnixTimestamp64Milli(signed_up_at), 0) = 0,
                emptyArrayUInt16(),
                [toUInt16(
                    cityHash64('signed up', coalesce(toUnixTimestamp64Milli(signed_up_at), 0))
                    % 65536
                )]
            )
        ) as identities
    from users

)

select * from identified
