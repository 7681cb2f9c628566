{% macro as_utc(column) -%}
    {%- set number = "accurateCastOrNull(" ~ column ~ ", 'Float64')" -%}
    {%- set text = "coalesce(toString(" ~ column ~ "), '')" -%}
    {#- The type is known when the query is planned, and only its own branch is left of this. -#}
coalesce(
    if(
        match(toTypeName({{ column }}), 'Date'),
        accurateCastOrNull({{ column }}, 'DateTime64(3, \'UTC\')'),
        if(
            match(toTypeName({{ column }}), 'Int|Float|Decimal'),
            -- A limit between two units is the year 5138 in the smaller and 1973 in the larger one.
            fromUnixTimestamp64Milli(toInt64(multiIf(
                {{ number }} < 1e11, {{ number }} * 1000,
                {{ number }} < 1e14, {{ number }},
                {{ number }} < 1e17, {{ number }} / 1000,
                0
            )), 'UTC'),
            -- Shorter text, or text without a year, would be read as a time of this month or year.
            parseDateTime64BestEffortOrNull(
                if(length({{ text }}) > 7 and match({{ text }}, '\\d{4}'), {{ text }}, ''),
                3, 'UTC'
            )
        )
    ),
    toDateTime64(0, 3, 'UTC')
)
{%- endmacro %}
