{% macro metric(name, column=none) -%}
    if(
        mapContains(metrics, '{{ name }}') and isFinite(metrics['{{ name }}']),
        toNullable(metrics['{{ name }}']),
        null
    ) as {{ column or name }}
{%- endmacro %}
