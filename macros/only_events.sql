{% macro only_events(since, until) %}
    {%- set filters = [] -%}
    {%- for source, state in until.items() -%}
        {%- set table = graph.sources['source.dataflix.dataflix.' ~ source] -%}
        {%- set loaded = 'toUnixTimestamp64Milli(' ~ loaded_at() ~ ')' -%}
        {%- set conditions = [loaded ~ ' <= ' ~ state.newest] -%}
        {%- if since -%}
            {%- do conditions.append(loaded ~ ' > ' ~ since[source].newest) -%}
            {%- if state.kept -%}
                {%- do conditions.append("_part not in ('" ~ state.kept | join("', '") ~ "')") -%}
            {%- endif -%}
        {%- endif -%}
        {%- do filters.append(
            as_literal(table.schema ~ '.' ~ table.identifier)
            ~ ': ' ~ as_literal(conditions | join(' and '))
        ) -%}
    {%- endfor -%}
    {{ return('\nsettings additional_table_filters = {' ~ filters | join(', ') ~ '}') }}
{% endmacro %}
