{% macro as_id(column) -%}
    coalesce(accurateCastOrNull({{ column }}, 'UInt64'), 0)
{%- endmacro %}
