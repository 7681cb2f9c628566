{% macro state_of_mart(mart) %}
    {%- if mart -%}
        {%- set query -%}
            select comment from system.tables
            where database = '{{ mart.schema }}' and name = '{{ mart.identifier }}'
        {%- endset -%}
        {%- set found = run_query(query).rows -%}
        {%- set said = fromjson(found[0][0] if found else '', {}) -%}
        {%- if said is mapping -%}
            {{ return(said.get('night', {})) }}
        {%- endif -%}
    {%- endif -%}
    {{ return({}) }}
{% endmacro %}
