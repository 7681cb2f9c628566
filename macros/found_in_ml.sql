{% macro found_in_ml() %}
    {%- set query -%}
        select
            tables.name,
            any(tables.engine_full),
            any(tables.as_select),
            arrayStringConcat(groupArray(columns.name), ' ')
        from system.tables as tables
        inner join system.columns as columns
            on tables.database = columns.database and tables.name = columns.table
        where
            tables.database = '{{ ml_relation('training_runs').schema }}'
            and columns.database = '{{ ml_relation('training_runs').schema }}'
        group by tables.name
    {%- endset -%}
    {%- set found = {} -%}
    {%- for name, engine, select, columns in run_query(query).rows -%}
        {%- do found.update(
            {name: {'engine': engine or '', 'select': select or '', 'columns': columns.split(' ')}}
        ) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
