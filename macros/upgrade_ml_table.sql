{% macro upgrade_ml_table(relation, table, found) %}
    {%- set changes = [] -%}
    {%- for column, type in table.columns.items() -%}
        {%- if column not in found.columns -%}
            {#- The first column, `run_id`, is never new. -#}
            {%- do changes.append(
                'add column if not exists ' ~ column ~ ' ' ~ type
                ~ ' after ' ~ (table.columns | list)[loop.index0 - 1]
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for setting, value in table.get('settings', {}).items() -%}
        {%- if setting ~ ' = ' ~ value ~ ',' not in found.engine ~ ',' -%}
            {%- do changes.append('modify setting ' ~ setting ~ ' = ' ~ value) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for change in changes -%}
        {%- do run_query(
            'alter table ' ~ relation ~ ' ' ~ on_cluster_clause(relation) ~ ' ' ~ change
        ) -%}
    {%- endfor -%}
{% endmacro %}
