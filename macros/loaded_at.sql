{% macro loaded_at() -%}
    {%- if var('raw_loaded_at') -%}
        {{ as_utc('(' ~ var('raw_loaded_at') ~ ')') }}
    {%- else -%}
        cast(null, 'Nullable(DateTime64(3, \'UTC\'))')
    {%- endif -%}
{%- endmacro %}
