{% test in_range(model, column_name, above='-inf', at_least='-inf', at_most='inf') %}

with

outside as (

    select {{ column_name }}
    from {{ model }}
    where
        {{ column_name }} is not null
        and (
            not isFinite({{ column_name }})
            or {{ column_name }} <= {{ above }}
            or {{ column_name }} < {{ at_least }}
            or {{ column_name }} > {{ at_most }}
        )

)

select * from outside

{% endtest %}
