{% macro exchange_tables_atomic(old_relation, target_relation, obj_types='TABLES') %}
    {#- dbt-clickhouse's own waits for the table that goes, not for the one that comes. -#}
    {%- set cluster = on_cluster_clause(target_relation) | trim -%}
    {%- if cluster and 'Replicated' in engine_clause() -%}
        {%- call statement('wait_for_replicas') -%}
            system sync replica {{ cluster }} {{ old_relation }}
        {%- endcall -%}
    {%- endif -%}
    {%- call statement('exchange_tables_atomic') -%}
        exchange {{ obj_types }} {{ old_relation }} and {{ target_relation }} {{ cluster }}
    {%- endcall -%}
{% endmacro %}
