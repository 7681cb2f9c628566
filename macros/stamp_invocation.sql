{% macro stamp_invocation() -%}
    alter table {{ this }} {{ on_cluster_clause(this) }}
    modify comment '{{ tojson({"dbt_invocation_id": invocation_id}) }}'
{%- endmacro %}
