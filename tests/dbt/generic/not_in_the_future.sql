{% test not_in_the_future(model, column_name, minutes=1) %}

with

ahead as (

    -- The server's clock, which is also the one that wrote it.
    select {{ column_name }}
    from {{ model }}
    where {{ column_name }} > now64(3, 'UTC') + interval {{ minutes }} minute

)

select * from ahead

{% endtest %}
