{{
    config(
        order_by='movie_id',
    )
}}

with

movies as (

    select * from {{ ref('stg_dataflix__movies') }}

)

select * from movies
