{% macro clickhouse__get_create_table_as_sql(temporary, relation, sql) %}
    {#- In the place of dbt's, which knows one way to make a table's rows: all of them. So it stays
    on a cluster, where this has not been tried. -#}
    {%- if temporary or not config.get('meta', {}).get('rebuild_touched_pairs')
        or not var('raw_loaded_at') or 'Replicated' in table_engine(this.schema) -%}
        {{ return(create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {%- set mart = load_cached_relation(this) -%}
    {%- set before = state_of_mart(mart) if not should_full_refresh() else {} -%}
    {%- set rule = rule_of_mart(sql) -%}
    {%- set now = dict(state_of_raw(before), rule=rule) if rule else {} -%}
    {%- if mart and not should_full_refresh() -%}
        {%- set why = why_all_of_it(before, now, mart) -%}
        {%- set touched = touched_pairs(relation, mart, before, now) if not why -%}
        {%- if touched -%}
            {{ return(rebuild_touched_pairs(relation, mart, touched, sql, before, now)) }}
        {%- endif -%}
        {%- do tell(this.identifier ~ ' is built from all events, since '
            ~ (why or 'more than a quarter of its pairs are touched') ~ '.') -%}
    {%- endif -%}
    {%- if not now or now.events.values() | selectattr('undated') | list -%}
        {{ return(create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {#- stamp_invocation writes it into the comment of the table that goes live. -#}
    {%- do store_result('state_of_mart', response=dict(now, pair_count=none)) -%}
    {#- What is loaded from now on is the next build's. -#}
    {{ return(create_table_as(
        temporary, relation, 'select * from (' ~ sql ~ only_events({}, now.events) ~ ')'
    )) }}
{% endmacro %}
