{% macro create_ml_tables() %}
    {%- if execute and flags.WHICH in ['run', 'build', 'test', 'freshness'] -%}
        {%- set found = found_in_ml() -%}
        {%- if not found -%}
            {%- do adapter.create_schema(ml_relation('training_runs')) -%}
        {%- endif -%}
        {%- for name, table in ml_tables().items() -%}
            {%- if name in found -%}
                {%- do upgrade_ml_table(ml_relation(name), table, found[name]) -%}
            {%- else -%}
                {%- do create_ml_table(ml_relation(name), table) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do create_current_run(found.get('current_run')) -%}
    {%- endif -%}
{% endmacro %}
