{% macro state_of_known() %}
    {%- set query -%}
        select
            (
                select hex(sum(cityHash64(user_id))) || ' hash'
                from {{ relation_of('stg_dataflix__users') }}
            ) as user_id,
            (
                select hex(sum(cityHash64(movie_id))) || ' hash'
                from {{ relation_of('stg_dataflix__movies') }}
            ) as movie_id
    {%- endset -%}
    {%- set found = run_query(query).rows[0] -%}
    {{ return({'user_id': found[0].split(' ')[0], 'movie_id': found[1].split(' ')[0]}) }}
{% endmacro %}
