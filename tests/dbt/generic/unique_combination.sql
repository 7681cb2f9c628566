{% test unique_combination(model, columns) %}

with

repeated as (

    select {{ columns | join(', ') }}, count() as occurrences
    from {{ model }}
    group by {{ columns | join(', ') }}
    having occurrences > 1

)

select * from repeated
-- A table ordered by these columns is checked as it is read, without a hash table of its keys.
settings optimize_aggregation_in_order = 1

{% endtest %}
