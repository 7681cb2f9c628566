{% macro countries() -%}
    {%- set column = raw_movie_column('countries') -%}
    {%- if column is none -%}
        emptyArrayString()
    {%- else -%}
        -- An array as text has brackets and quotes around its values, and NULL for none.
        arrayFilter(
            country -> country not in ('', 'NULL'),
            arrayMap(
                part -> upper(replaceRegexpAll(part, '^[\\s\\[\'"]+|[\\s\\]\'"]+$', '')),
                splitByRegexp('[|,;]', {{ as_text(column) }})
            )
        )
    {%- endif -%}
{%- endmacro %}
