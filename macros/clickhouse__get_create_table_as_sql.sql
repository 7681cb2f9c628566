{% macro clickhouse__get_create_table_as_sql(temporary, relation, sql) %}
    {#- In the place of dbt's, which knows one way to make a table's rows: all of them. So it stays
    on a cluster, where this has not been tried. -#}
    {%- if temporary or not config.get('meta', {}).get('rebuild_touched_pairs')
        or not var('raw_loaded_at') or 'Replicated' in table_engine(this.schema) -%}
        {{ return(create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {%- set mart = load_cached_relation(this) -%}
    {%- set before = state_of_mart(mart) -%}
    {%- set rule = rule_of_mart(sql) -%}
    {%- set now = state_of_events(before.get('events', {})) -%}
    {%- if rule and now and not now.values() | selectattr('undated') | list -%}
        {#- stamp_invocation writes it into the comment of the table that goes live. -#}
        {%- do store_result('state_of_mart', response={'rule': rule, 'events': now}) -%}
    {%- endif -%}
    {%- if mart and not should_full_refresh() -%}
        {%- set why = why_all_of_it(before, now, rule, mart) -%}
        {%- set touched = touched_pairs(relation, mart, before) if not why -%}
        {%- if touched -%}
            {{ return(rebuild_touched_pairs(relation, mart, touched, sql)) }}
        {%- endif -%}
        {%- do tell(this.identifier ~ ' is built from all events, since '
            ~ (why or 'more than a quarter of its pairs are touched') ~ '.') -%}
    {%- endif -%}
    {{ return(create_table_as(temporary, relation, sql)) }}
{% endmacro %}
