{{
    config(
        schema='analytics',
        materialized='table' if target.cluster else 'view',
        order_by='(movie_id, country)',
        sql_security='definer' if target.type == 'clickhouse' and not target.cluster else none,
        definer='`' ~ (target.user or 'default') ~ '`',
    )
}}

{#- A table on a cluster: replicas that did not make a view with a definer refuse it ("There is no
user `dbt:definer`"), and without a definer the jobs would have to read the raw tables. -#}

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
