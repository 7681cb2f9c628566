{% macro touched_pairs(relation, mart, before) %}
    {%- set known = {
        'user_id': graph.nodes['model.dataflix.stg_dataflix__users'].relation_name,
        'movie_id': graph.nodes['model.dataflix.stg_dataflix__movies'].relation_name,
    } -%}
    {%- set touched = api.Relation.create(
        schema=relation.schema,
        identifier=this.identifier ~ '__touched',
    ) -%}
    {%- set newest, as_of, ahead = {}, [], [] -%}
    {%- for source in ['ratings', 'watched_movies'] -%}
        {%- set was = before.events.get(source, {}) -%}
        {%- do newest.update({source: was.get('newest', 0)}) -%}
        {%- if was -%}
            {%- do as_of.append(was.as_of) -%}
            {%- do ahead.append(was.ahead) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do run_query('drop table if exists ' ~ touched) -%}
    {%- do run_query(
        'create table ' ~ touched
        ~ ' (user_id UInt64, movie_id UInt64) engine = MergeTree order by (user_id, movie_id)'
    ) -%}
    {#- Most nights nobody has become known who has events, and nothing lay in the future: then the
    times of loading are all that is read of the events. -#}
    {%- set conditions = [
        "loaded > if(source = 'ratings', " ~ newest.ratings ~ ', ' ~ newest.watched_movies ~ ')'
    ] -%}
    {%- if ahead | sum > 0 -%}
        {%- do conditions.append(
            'happened_at > fromUnixTimestamp64Milli(' ~ as_of | min ~ ") + interval 1 day "
            ~ "and happened_at <= now64(3, 'UTC') + interval 1 day"
        ) -%}
    {%- endif -%}
    {%- for id, relation_name in known.items() -%}
        {#- Who was known and has no row in the mart has none to lose. -#}
        {%- set new = 'select ' ~ id ~ ' from ' ~ relation_name ~ ' where ' ~ id
            ~ ' not in (select ' ~ id ~ ' from ' ~ mart ~ ')' -%}
        {%- if run_query('select count() from (' ~ new ~ ')').rows[0][0] | int > 0 -%}
            {%- do conditions.append(id ~ ' in (' ~ new ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set query -%}
        insert into {{ touched }}
        select distinct
            user_id,
            movie_id
        from (
            select
                user_id,
                movie_id
            from ({{ raw_events() }})
            where coalesce({{ conditions | join(', false) or coalesce(') }}, false)

            union all

            -- Of those who are no longer known.
            select
                user_id,
                movie_id
            from {{ mart }}
            where
                user_id not in (select user_id from {{ known.user_id }})
                or movie_id not in (select movie_id from {{ known.movie_id }})
        )
    {%- endset -%}
    {%- do run_query(query) -%}
    {%- set pair_count = run_query('select count() from ' ~ touched).rows[0][0] | int -%}
    {%- if pair_count > before.row_count / 4 + 100000 -%}
        {%- do run_query('drop table ' ~ touched) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- do tell('{}: {:,} pairs touched since the last build are built again.'
        .format(this.identifier, pair_count)) -%}
    {{ return(touched) }}
{% endmacro %}
