{% macro available_from() -%}
    {%- set column = raw_movie_column('available_from') -%}
    {%- if column is none -%}
        cast(null, 'Nullable(DateTime64(3, \'UTC\'))')
    {%- else -%}
        {%- set text = "trim(" ~ as_text(column) ~ ")" -%}
        coalesce(
            {{ as_utc(column) }},
            -- `to be announced` is no time, and not yet.
            if(
                match(toTypeName({{ column }}), 'String')
                and not match({{ text }}, '^(0|(0000|1970)-.*)?$'),
                toDateTime64('2299-12-31 00:00:00', 3, 'UTC'),
                null
            )
        )
    {%- endif -%}
{%- endmacro %}
