{% macro age_rating() -%}
    {%- set column = raw_movie_column('age_rating') -%}
    {%- if column is none -%}
        cast(null, 'Nullable(UInt8)')
    {%- else -%}
        toUInt8OrNull(extract({{ as_text(column) }}, '\\d+'))
    {%- endif -%}
{%- endmacro %}
