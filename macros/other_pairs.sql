{% macro other_pairs(mart, before, now) %}
    {%- set conditions, gone = [], [] -%}
    {%- if before.ahead > 0 -%}
        {%- do conditions.append(
            'happened_at > fromUnixTimestamp64Milli(' ~ before.as_of ~ ') + interval 1 day '
            ~ "and happened_at <= now64(3, 'UTC') + interval 1 day"
        ) -%}
    {%- endif -%}
    {%- for id, view in [('user_id', 'stg_dataflix__users'), ('movie_id', 'stg_dataflix__movies')]
        if now.known[id] != before.known[id] -%}
        {%- set known = '(select ' ~ id ~ ' from ' ~ relation_of(view) ~ ')' -%}
        {%- do gone.append(id ~ ' not in ' ~ known) -%}
        {#- Who was known and has no row in the mart has none to lose. -#}
        {%- do conditions.append(
            id ~ ' in ' ~ known ~ ' and ' ~ id ~ ' not in (select ' ~ id ~ ' from ' ~ mart ~ ')'
        ) -%}
    {%- endfor -%}
    {%- set no_values = "cast(null, 'Nullable(Float32)'), 0, toDateTime64(0, 3, 'UTC'), "
        ~ "toDateTime64(0, 3, 'UTC')" -%}
    {%- set queries = [] -%}
    {%- if conditions -%}
        {%- do queries.append(
            "select user_id, movie_id, " ~ no_values ~ ", true, 'all events' from (select distinct "
            ~ 'user_id, movie_id from ' ~ relation_of('int_interaction_events') ~ ' where ('
            ~ conditions | join(') or (') ~ ')' ~ only_events({}, before.events) ~ ')'
        ) -%}
    {%- endif -%}
    {%- if gone -%}
        {%- do queries.append(
            "select user_id, movie_id, " ~ no_values ~ ", true, 'nothing' from " ~ mart ~ ' where '
            ~ gone | join(' or ')
        ) -%}
    {%- endif -%}
    {{ return(queries) }}
{% endmacro %}
