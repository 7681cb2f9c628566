{% macro create_ml_table(relation, table) %}
    {%- set columns, settings = [], [] -%}
    {%- for column, type in table.columns.items() -%}
        {%- do columns.append(column ~ ' ' ~ type) -%}
    {%- endfor -%}
    {%- for setting, value in table.get('settings', {}).items() -%}
        {%- do settings.append(setting ~ ' = ' ~ value) -%}
    {%- endfor -%}
    {%- set ddl -%}
        create table if not exists {{ relation }} {{ on_cluster_clause(relation) }} (
            {{ columns | join(', ') }}
        )
        engine = {{ table_engine(relation.schema) }}
        partition by {{ table.partition_by }}
        order by {{ table.order_by }}
        {{ 'settings ' ~ settings | join(', ') if settings }}
    {%- endset -%}
    {%- do run_query(ddl) -%}
{% endmacro %}
