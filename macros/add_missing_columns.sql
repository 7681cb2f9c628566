{% macro add_missing_columns(columns) -%}
    {%- set found = load_cached_relation(this) if execute -%}
    {%- if found and not flags.FULL_REFRESH -%}
        {%- set changes = [] -%}
        {%- for column, type in columns.items() -%}
            {%- do changes.append('add column if not exists ' ~ column ~ ' ' ~ type) -%}
        {%- endfor -%}
        alter table {{ this }} {{ on_cluster_clause(this) }} {{ changes | join(', ') }}
    {%- endif -%}
{%- endmacro %}
