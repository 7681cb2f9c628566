{% macro as_utc(column) -%}
    coalesce(accurateCastOrNull({{ column }}, 'DateTime64(3, \'UTC\')'), toDateTime64(0, 3, 'UTC'))
{%- endmacro %}
