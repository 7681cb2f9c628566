{% macro ml_relation(name) %}
    {#- dbt does not put sources on a cluster by itself. -#}
    {%- set source_name = 'recommender_datasets' if name == 'dataset_samples' else 'recommender' -%}
    {%- set source_table = source(source_name, name) -%}
    {{ return(api.Relation.create(
        schema=source_table.schema,
        identifier=source_table.identifier,
        can_on_cluster=adapter.should_on_cluster(),
    )) }}
{% endmacro %}
