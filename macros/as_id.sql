{% macro as_id(column) -%}
    cast(coalesce(accurateCastOrNull({{ column }}, 'UInt64'), 0), 'UInt64')
{%- endmacro %}
