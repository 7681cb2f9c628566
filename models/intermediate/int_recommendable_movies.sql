{{
    config(
        schema='analytics',
        sql_security='definer' if target.type == 'clickhouse' else none,
        definer='`' ~ (target.user or 'default') ~ '`',
    )
}}

-- What may be shown. A team with rules of its own writes them here: any query of these two columns.

with

movies as (

    select * from {{ ref('stg_dataflix__movies') }}

),

available as (

    select
        movie_id,
        countries
    from movies
    where
        is_listed
        and coalesce(available_from <= now64(3, 'UTC'), true)
        and coalesce(available_until > now64(3, 'UTC'), true)
        {%- if var('max_age_rating') is not none %}
            -- A rating without a number in it may be too high.
            and coalesce(age_rating <= {{ var('max_age_rating') }}, false)
        {%- endif %}

),

per_country as (

    select
        movie_id,
        country
    from available
    array join if(empty(countries), [''], arrayDistinct(countries)) as country

)

select * from per_country
