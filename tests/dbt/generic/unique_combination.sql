{% test unique_combination(model, columns) %}

with

{% if columns | length == 2 %}
    {%- set first, second = columns %}
    -- Arrays of one column are less than half the work of a hash table of both.
    values_of_first as (

        select {{ first }}, groupArray({{ second }}) as values_of, count() as row_count
        from {{ model }}
        group by {{ first }}

    ),

    repeated as (

        select
            {{ first }},
            arrayJoin(arrayConcat(
                arrayFilter(
                    (value, occurrence) -> occurrence = 2,
                    values_of,
                    arrayEnumerateUniq(values_of)
                ),
                -- Nulls, which the arrays leave out, are one value too.
                if(row_count > length(values_of) + 1, [null], [])
            )) as {{ second }}
        from values_of_first

    )
{% else %}
    repeated as (

        select {{ columns | join(', ') }}, count() as occurrences
        from {{ model }}
        group by {{ columns | join(', ') }}
        having occurrences > 1

    )
{% endif %}

select * from repeated
-- A table ordered by these columns is checked as it is read, without a hash table of its keys.
settings optimize_aggregation_in_order = 1

{% endtest %}
