with

source as (

    {% if var('impressions') %}
        select * from {{ source('impressions', 'impressions') }}
    {% else %}
        -- depends_on: {{ source('impressions', 'impressions') }}
        select
            toUInt64(0) as user_id,
            toUInt64(0) as movie_id,
            toDateTime64(0, 3, 'UTC') as shown_at
        where false
    {% endif %}

),

renamed as (

    select
        -- ids
        {{ as_id('user_id') }} as user_id,
        {{ as_id('movie_id') }} as movie_id,

        -- timestamps
        {{ as_utc('shown_at') }} as shown_at

    from source

)

select * from renamed
where shown_at is not null
