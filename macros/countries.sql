{% macro countries() -%}
    {%- set column = raw_movie_column('countries') -%}
    {%- if column is none -%}
        emptyArrayString()
    {%- else -%}
        -- An array as text has brackets and quotes around its values.
        arrayFilter(
            country -> country != '',
            arrayMap(
                part -> upper(replaceRegexpAll(part, '^[\\s\\[\'"]+|[\\s\\]\'"]+$', '')),
                splitByRegexp('[|,;]', {{ as_text(column) }})
            )
        )
    {%- endif -%}
{%- endmacro %}
