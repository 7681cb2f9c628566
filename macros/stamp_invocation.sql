{% macro stamp_invocation() -%}
    alter table {{ this }} {{ on_cluster_clause(this) }}
    modify comment '{{ tojson({
        "dbt_invocation_id": invocation_id,
        "rating_weight": var("rating_weight"),
        "watched_weight": var("watched_weight"),
    }) }}'
{%- endmacro %}
