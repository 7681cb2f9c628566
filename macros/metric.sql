{% macro metric(name) -%}
    if(
        mapContains(metrics, '{{ name }}') and isFinite(metrics['{{ name }}']),
        toNullable(metrics['{{ name }}']),
        null
    ) as {{ name }}
{%- endmacro %}
