{% test contiguous_ranks(model, rank, within) %}

with

ranks as (

    select
        {{ within | join(', ') }},
        min({{ rank }}) as first_rank,
        max({{ rank }}) as last_rank,
        uniqExact({{ rank }}) as distinct_ranks,
        count() as ranked
    from {{ model }}
    group by {{ within | join(', ') }}

),

broken as (

    select * from ranks
    where first_rank != 1 or last_rank != ranked or distinct_ranks != ranked

)

select * from broken

{% endtest %}
