{% test in_range(model, column_name, above=none, at_least=none, at_most=none) %}

{%- set bounds = [] -%}
{%- if above is not none %}{% do bounds.append(column_name ~ ' > ' ~ above) %}{% endif -%}
{%- if at_least is not none %}{% do bounds.append(column_name ~ ' >= ' ~ at_least) %}{% endif -%}
{%- if at_most is not none %}{% do bounds.append(column_name ~ ' <= ' ~ at_most) %}{% endif -%}
{%- if not bounds -%}
    {{ exceptions.raise_compiler_error('in_range takes above, at_least or at_most.') }}
{%- endif %}

with

outside as (

    select {{ column_name }}
    from {{ model }}
    where
        {{ column_name }} is not null
        -- No number compares as NaN does, so a NaN is found here too; infinity needs asking.
        and (not isFinite({{ column_name }}) or not ({{ bounds | join(' and ') }}))

)

select * from outside

{% endtest %}
