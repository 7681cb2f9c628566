{% macro create_current_run(found) %}
    {%- set relation = ml_relation('current_run') -%}
    {%- set definition = 'select ' ~ ml_tables().training_runs.columns | join(', ')
        ~ ' from ' ~ ml_relation('training_runs')
        ~ ' order by published_at desc, run_id desc limit 1' -%}
    {#- ClickHouse keeps a view's query on one line, with its keywords in capitals. -#}
    {%- if not found or (found.select | lower | replace('`', ''))
        != (definition | lower | replace('`', '')) -%}
        {%- do run_query(
            'create or replace view ' ~ relation ~ ' ' ~ on_cluster_clause(relation)
            ~ ' as ' ~ definition
        ) -%}
    {%- endif -%}
{% endmacro %}
