{% macro stamp_invocation() -%}
    {%- set stamp = {
        "dbt_invocation_id": invocation_id,
        "built_at": run_started_at.strftime("%Y-%m-%d %H:%M"),
        "raw": {},
        "rating_weight": var("rating_weight"),
        "watched_weight": var("watched_weight"),
    } -%}
    {%- if execute -%}
        {%- for table in graph.sources.values() if table.source_name == 'dataflix' -%}
            {%- do stamp.raw.update({table.name: table.schema ~ '.' ~ table.identifier}) -%}
        {%- endfor -%}
        {#- From clickhouse__get_create_table_as_sql; the exchange has put the rows here by now. -#}
        {%- set state = load_result('state_of_mart') -%}
        {%- if state -%}
            {%- do stamp.update({"night": what_to_remember(state.response)}) -%}
        {%- endif -%}
    {%- endif -%}
    {#- JSON writes letters beyond ASCII with backslashes, which SQL would take for its own. -#}
    alter table {{ this }} {{ on_cluster_clause(this) }}
    modify comment '{{ tojson(stamp) | replace("\\", "\\\\") }}'
{%- endmacro %}
