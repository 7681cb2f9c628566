{% macro touched_pairs(relation, mart, before, now) %}
    {%- set touched = api.Relation.create(
        schema=relation.schema, identifier=this.identifier ~ '__touched'
    ) -%}
    {%- set loaded = api.Relation.create(
        schema=relation.schema, identifier=this.identifier ~ '__loaded'
    ) -%}
    {%- set create = ' engine = MergeTree order by (user_id, movie_id) as ' -%}
    {%- for table in [loaded, touched] -%}
        {%- do run_query('drop table if exists ' ~ table) -%}
    {%- endfor -%}
    {%- do run_query('create table ' ~ loaded ~ create ~ 'select * from (select * from '
        ~ relation_of('int_user_movie_interactions')
        ~ only_events(before.events, now.events) ~ ')') -%}
    {%- set merged = merged_pairs(loaded, mart, before.has_all_pairs) -%}
    {%- set others = other_pairs(mart, before, now) -%}
    {%- set pairs = merged if not others else 'select * from ('
        ~ ([merged] + others) | join(' union all ')
        ~ ") order by made_from = 'all events' desc limit 1 by user_id, movie_id" -%}
    {%- do run_query('create table ' ~ touched ~ create ~ pairs) -%}
    {%- do run_query('drop table ' ~ loaded) -%}
    {%- set pair_count = run_query('select count() from ' ~ touched).rows[0][0] | int -%}
    {%- if pair_count > before.row_count / 4 + 10000 -%}
        {%- do run_query('drop table ' ~ touched) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- do tell('{}: {:,} pairs touched since the last build are built again.'
        .format(this.identifier, pair_count)) -%}
    {{ return(touched) }}
{% endmacro %}
