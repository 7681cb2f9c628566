{% macro is_listed() -%}
    {%- set column = raw_movie_column('is_listed') -%}
    {%- if column is none -%}
        true
    {%- else -%}
        toBool(lower(trim({{ as_text(column) }})) in ('1', 'true', 't', 'yes', 'y', 'on'))
    {%- endif -%}
{%- endmacro %}
