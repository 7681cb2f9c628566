{% macro why_all_of_it(before, now, mart) %}
    {%- if not now -%}
        {{ return('it reads other tables or views than this project has now') }}
    {%- endif -%}
    {%- set names = {} -%}
    {%- for source, state in now.events.items() -%}
        {%- set table = graph.sources['source.dataflix.dataflix.' ~ source] -%}
        {%- do names.update({source: table.schema ~ '.' ~ table.identifier}) -%}
        {%- if state.undated > 0 -%}
            {{ return('{} has rows without a load time: {:,}'
                .format(names[source], state.undated)) }}
        {%- endif -%}
    {%- endfor -%}
    {%- if not before -%}
        {{ return('it does not say yet what it was built from') }}
    {%- elif before.rule != now.rule -%}
        {{ return('its SQL, a view that it reads or a var has changed') }}
    {%- endif -%}
    {%- for source, name in names.items() -%}
        {%- set was, is = before.events[source], now.events[source] -%}
        {%- set difference = is.count_before - was.row_count -%}
        {%- if difference < 0 -%}
            {{ return('rows have gone from {} since the last build: {:,}'.format(name, -difference)) }}
        {%- elif difference > 0 -%}
            {{ return('rows with a load time before the last build have come into {} since: {:,}'
                .format(name, difference)) }}
        {%- elif is.hash_before != was.row_hash -%}
            {{ return('rows of ' ~ name ~ ' have changed since the last build') }}
        {%- endif -%}
    {%- endfor -%}
    {#- A deleted row stays in its part, hidden, until ClickHouse merges that. -#}
    {%- set query -%}
        select
            (select count() from {{ mart }}),
            (select sum(rows) from system.parts
            where database = '{{ mart.schema }}' and table = '{{ mart.identifier }}' and active)
    {%- endset -%}
    {%- set found = run_query(query).rows[0] -%}
    {%- set row_count, kept = found[0] | int, found[1] | int -%}
    {%- if row_count != before.row_count -%}
        {{ return('its own rows have changed since the last build: {:,} are {:,}'
            .format(before.row_count, row_count)) }}
    {%- elif kept > 1.2 * row_count + 10000 -%}
        {{ return('a sixth of its rows on disk are old ones') }}
    {%- endif -%}
    {{ return('') }}
{% endmacro %}
