{% macro create_ml_table(table, columns, order_by, partition_by) %}
    {#- dbt does not put sources on a cluster by itself. -#}
    {%- set relation = api.Relation.create(
        schema=table.schema,
        identifier=table.identifier,
        can_on_cluster=adapter.should_on_cluster(),
    ) -%}
    {%- if not adapter.get_relation('', relation.schema, relation.identifier) -%}
        {%- do adapter.create_schema(relation) -%}
        {%- set ddl -%}
            create table if not exists {{ relation }} {{ on_cluster_clause(relation) }} (
                {{ columns }}
            )
            engine = {{ var('ml_engine') }}
            partition by {{ partition_by }}
            order by {{ order_by }}
        {%- endset -%}
        {%- do run_query(ddl) -%}
    {%- endif -%}
{% endmacro %}
