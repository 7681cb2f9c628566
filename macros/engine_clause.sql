{% macro engine_clause() %}
    {#- In the place of dbt-clickhouse's, which knows only what each model's config says. -#}
    engine = {{ config.get('engine') or table_engine(this.schema) }}
{%- endmacro %}
