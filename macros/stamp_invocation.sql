{% macro stamp_invocation() -%}
    {%- set raw = {} -%}
    {%- if execute -%}
        {%- for table in graph.sources.values() if table.source_name == 'dataflix' -%}
            {%- do raw.update({table.name: table.schema ~ '.' ~ table.identifier}) -%}
        {%- endfor -%}
    {%- endif -%}
    {#- JSON writes letters beyond ASCII with backslashes, which SQL would take for its own. -#}
    alter table {{ this }} {{ on_cluster_clause(this) }}
    modify comment '{{ tojson({
        "dbt_invocation_id": invocation_id,
        "built_at": run_started_at.strftime("%Y-%m-%d %H:%M"),
        "raw": raw,
        "rating_weight": var("rating_weight"),
        "watched_weight": var("watched_weight"),
    }) | replace("\\", "\\\\") }}'
{%- endmacro %}
