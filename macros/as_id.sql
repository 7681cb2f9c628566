{% macro as_id(column) -%}
    ifNull(accurateCastOrNull({{ column }}, 'UInt64'), 0)
{%- endmacro %}
