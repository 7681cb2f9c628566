{% macro clickhouse__get_create_table_as_sql(temporary, relation, sql) %}
    {%- if temporary or not config.get('meta', {}).get('rebuild_touched_pairs')
        or not var('raw_loaded_at') -%}
        {{ return(create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {%- set mart = load_cached_relation(this) -%}
    {%- set before = state_of_mart(mart) -%}
    {%- set rule = rule_of_mart(sql) -%}
    {%- set now = state_of_events(before.get('events', {})) -%}
    {%- set why = why_all_of_it(before, now, rule, mart) -%}
    {%- if rule and now and not now.values() | selectattr('undated') | list -%}
        {%- do store_result('state_of_mart', response={'rule': rule, 'events': now}) -%}
    {%- endif -%}
    {%- set touched = none -%}
    {%- if not why and not should_full_refresh() -%}
        {%- set touched = touched_pairs(relation, mart, before) -%}
    {%- elif mart and not should_full_refresh() -%}
        {%- set sentence = this.identifier ~ ' is built from all events, since ' ~ why ~ '.' -%}
        {%- do print(sentence) -%}
        {%- do log(sentence) -%}
    {%- endif -%}
    {%- if touched -%}
        {{ return(rebuild_touched_pairs(relation, mart, touched, sql)) }}
    {%- endif -%}
    {{ return(create_table_as(temporary, relation, sql)) }}
{% endmacro %}
