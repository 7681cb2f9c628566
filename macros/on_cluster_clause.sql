{% macro on_cluster_clause(relation, force_sync=false) %}
    {#- dbt-clickhouse's own fails while dbt reads the project, without a connection. -#}
    {%- set cluster = adapter.get_clickhouse_cluster_name() if execute else none -%}
    {#- dbt makes the table of a test's failures without asking whether it is on a cluster. -#}
    {%- set of_test = model is defined and model.resource_type == 'test' -%}
    {%- if cluster is not none
        and (relation.should_on_cluster or (of_test and adapter.should_on_cluster())) %}
    on cluster {{ cluster }} {{ 'sync' if force_sync }}
    {% endif -%}
{% endmacro %}
