{% macro reads_only_raw() %}
    {%- set nothing = [] -%}
    {%- for source in ['ratings', 'watched_movies'] -%}
        {%- set id = 'source.dataflix.dataflix.' ~ source -%}
        {%- if graph.nodes['model.dataflix.stg_dataflix__' ~ source].depends_on.nodes != [id] -%}
            {{ return(false) }}
        {%- endif -%}
        {%- set table = graph.sources[id] -%}
        {%- do nothing.append(as_literal(table.schema ~ '.' ~ table.identifier) ~ ": 'false'") -%}
    {%- endfor -%}
    {#- As the views are in the database: without these rows there is none. Of one column, since
    `count()` has all of them worked out. -#}
    {%- set query = 'select count() from (select kind from '
        ~ relation_of('int_interaction_events') ~ ') settings additional_table_filters = {' ~ nothing | join(', ') ~ '}' -%}
    {{ return(run_query(query).rows[0][0] | int == 0) }}
{% endmacro %}
