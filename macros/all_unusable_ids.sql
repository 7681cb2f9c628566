{% macro all_unusable_ids(relation, column) %}
    {#- The first usable one ends the search, so that a sound table is not read through. -#}
    {%- set usable -%}
        select 1 from {{ relation }} where {{ as_id(column) }} > 0 limit 1
    {%- endset -%}
    {%- if not run_query(usable).rows -%}
        {%- set found = run_query(
            'select count(), any(toString(' ~ column ~ ')) from ' ~ relation
        ).rows[0] -%}
        {%- if found[0] | int > 0 -%}
            {{ return('{}.{}.{} (all {:,}, such as \'{}\')'.format(
                relation.schema, relation.identifier, column, found[0] | int, found[1]
            )) }}
        {%- endif -%}
    {%- endif -%}
    {{ return('') }}
{% endmacro %}
