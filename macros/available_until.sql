{% macro available_until() -%}
    {%- set column = raw_movie_column('available_until') -%}
    {%- if column is none -%}
        cast(null, 'Nullable(DateTime64(3, \'UTC\'))')
    {%- else -%}
        {{ as_utc(column) }}
    {%- endif -%}
{%- endmacro %}
