{% macro raw_events() -%}
    select
        'ratings' as source,
        user_id,
        movie_id,
        rating,
        rated_at as happened_at,
        toUnixTimestamp64Milli(loaded_at) as loaded
    from {{ graph.nodes['model.dataflix.stg_dataflix__ratings'].relation_name }}

    union all

    select
        'watched_movies' as source,
        user_id,
        movie_id,
        toFloat32(0) as rating,
        watched_at as happened_at,
        toUnixTimestamp64Milli(loaded_at) as loaded
    from {{ graph.nodes['model.dataflix.stg_dataflix__watched_movies'].relation_name }}
{%- endmacro %}
