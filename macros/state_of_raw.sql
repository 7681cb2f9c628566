{% macro state_of_raw(before) %}
    {%- set known, events = state_of_known(), state_of_events(before) -%}
    {#- What did not lie in the future then does not now. -#}
    {%- set since = before.events if before and before.ahead == 0 else {} -%}
    {%- set query -%}
        select count(), toUnixTimestamp64Milli(now64(3))
        from {{ relation_of('int_interaction_events') }}
        where happened_at > now64(3, 'UTC') + interval 1 day
    {%- endset -%}
    {%- set found = run_query(query ~ only_events(since, events)).rows[0] -%}
    {{ return({
        'known': known,
        'events': events,
        'ahead': found[0] | int,
        'as_of': found[1] | int,
    }) }}
{% endmacro %}
