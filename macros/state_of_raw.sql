{% macro state_of_raw(before) %}
    {%- set now = {
        'as_of': run_query('select toUnixTimestamp64Milli(now64(3))').rows[0][0] | int,
        'known': state_of_known(),
        'events': state_of_events(before),
    } -%}
    {#- What did not lie in the future then does not now. -#}
    {%- set since = before.events if before and before.ahead == 0 else {} -%}
    {%- set query -%}
        select count() from {{ relation_of('int_interaction_events') }}
        where happened_at > now64(3, 'UTC') + interval 1 day
    {%- endset -%}
    {%- do now.update({
        'ahead': run_query(query ~ only_events(since, now.events)).rows[0][0] | int,
    }) -%}
    {{ return(now) }}
{% endmacro %}
