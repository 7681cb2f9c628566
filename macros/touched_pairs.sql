{% macro touched_pairs(relation, mart, before, now) %}
    {%- set touched = api.Relation.create(
        schema=relation.schema, identifier=this.identifier ~ '__touched'
    ) -%}
    {%- set loaded = api.Relation.create(
        schema=relation.schema, identifier=this.identifier ~ '__loaded'
    ) -%}
    {%- set others, new_events = other_pairs(mart, before, now), [] -%}
    {%- for source, state in now.events.items() -%}
        {%- do new_events.append(state.row_count - before.events[source].row_count) -%}
    {%- endfor -%}
    {#- Little is kept in memory, and only where no other server can be asked for it. -#}
    {%- set in_memory = target.type == 'chdb' and not others and new_events | sum <= 1000000 -%}
    {%- set create = ' engine = ' ~ ('Memory' if in_memory else
        'MergeTree order by (user_id, movie_id)') ~ ' as ' -%}
    {%- for table in [loaded, touched] -%}
        {%- do run_query('drop table if exists ' ~ table) -%}
    {%- endfor -%}
    {%- do run_query('create table ' ~ loaded ~ create ~ 'select * from (select * from '
        ~ relation_of('int_user_movie_interactions')
        ~ only_events(before.events, now.events) ~ ')') -%}
    {%- set merged = merged_pairs(loaded, mart, before.has_all_pairs) -%}
    {%- set pairs = merged if not others else 'select * from ('
        ~ ([merged] + others) | join(' union all ')
        ~ ") order by made_from = 'all events' desc limit 1 by user_id, movie_id" -%}
    {%- do run_query('create table ' ~ touched ~ create ~ pairs) -%}
    {%- do run_query('drop table ' ~ loaded) -%}
    {%- set query -%}
        select
            count() as pairs,
            countIf(had_row) as old_rows,
            countIf(made_from = 'two rows') as merged,
            countIf(made_from = 'all events') as made_anew
        from {{ touched }}
    {%- endset -%}
    {%- set counts = dict(run_query(query).rows[0].items()) -%}
    {%- if counts.pairs > before.row_count / 4 + 10000 -%}
        {%- do run_query('drop table ' ~ touched) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- do tell('{}: {:,} pairs touched since the last build are built again.'
        .format(this.identifier, counts.pairs | int)) -%}
    {{ return(dict(counts, table=touched)) }}
{% endmacro %}
