{% macro raw_movie_column(name) %}
    {%- set told = var('raw_' ~ name) -%}
    {%- if told is none and execute and target.type == 'chdb' and not var('raw_database')
        and name in ['available_from', 'available_until'] -%}
        {#- A table that was seeded, or loaded, before there was the column lacks it. -#}
        {%- set table = graph.sources['source.dataflix.dataflix.movies'] -%}
        {%- set found = adapter.get_relation('', table.schema, table.identifier) -%}
        {%- if found and name in adapter.get_columns_in_relation(found) | map(attribute='name') -%}
            {%- set told = name -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(told or none) }}
{% endmacro %}
