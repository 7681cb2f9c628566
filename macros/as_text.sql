{% macro as_text(column) -%}
    cast(coalesce(toString({{ column }}), ''), 'String')
{%- endmacro %}
