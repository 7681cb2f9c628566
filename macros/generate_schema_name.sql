{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- Both sources files repeat this rule in an expression, since yml cannot call macros. -#}
    {%- if custom_schema_name is none -%}
        {{ target.schema }}
    {%- elif target.name in ['embedded', 'server'] -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ target.schema }}_{{ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
