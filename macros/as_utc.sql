{% macro as_utc(column) -%}
    {%- set number = "accurateCastOrNull(" ~ column ~ ", 'Float64')" -%}
    {%- set text = "coalesce(toString(" ~ column ~ "), '')" -%}
    {#- The type is known when the query is planned, and only its own branch is left of this. -#}
cast(
    nullIf(
        if(
            match(toTypeName({{ column }}), 'Date'),
            accurateCastOrNull({{ column }}, 'DateTime64(3, \'UTC\')'),
            if(
                match(toTypeName({{ column }}), 'Int|Float|Decimal'),
                -- A limit between two units is the year 5138 in the smaller, 1973 in the larger one.
                fromUnixTimestamp64Milli(toInt64(multiIf(
                    {{ number }} < 1e11, {{ number }} * 1000,
                    {{ number }} < 1e14, {{ number }},
                    {{ number }} < 1e17, {{ number }} / 1000,
                    0
                )), 'UTC'),
                -- Shorter text, or text without a year, would be read as a time of this year.
                parseDateTime64BestEffortOrNull(
                    if(length({{ text }}) > 7 and match({{ text }}, '\\d{4}'), {{ text }}, ''),
                    3, 'UTC'
                )
            )
        ),
        -- What ClickHouse itself writes into a time that is not Nullable and not known.
        toDateTime64(0, 3, 'UTC')
    ),
    'Nullable(DateTime64(3, \'UTC\'))'
)
{%- endmacro %}
