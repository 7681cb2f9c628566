{% macro table_engine(schema) -%}
    {%- set replicated = adapter.get_clickhouse_cluster_name() is not none -%}
    {%- if not replicated and target.type == 'clickhouse' -%}
        {%- set database = adapter.get_ch_database(schema) -%}
        {%- set replicated = database is not none and database.engine == 'Replicated' -%}
    {%- endif -%}
    {{ 'ReplicatedMergeTree' if replicated else 'MergeTree' }}
{%- endmacro %}
