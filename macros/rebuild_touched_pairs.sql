{% macro rebuild_touched_pairs(relation, mart, touched, sql, before, now) %}
    {%- set alter = 'alter table ' ~ relation -%}
    {%- set merges = [
        'max_bytes_to_merge_at_max_space_in_pool', 'max_bytes_to_merge_at_min_space_in_pool'
    ] -%}
    {%- set two_rows -%}
        (
            select user_id, movie_id, rating, watch_count, first_interacted_at, last_interacted_at
            from {{ touched.table }}
            where made_from = 'two rows'
        )
    {%- endset -%}
    {%- set merged = sql | replace(relation_of('int_user_movie_interactions'), two_rows) -%}
    {#- The old parts are linked and not copied. Nobody reads this table before the exchange. The
    types of the query's columns are asked here, and known sooner the fewer views it reads. -#}
    {%- do clickhouse__create_empty_table(false, relation, merged, true) -%}
    {%- if touched.old_rows > 0 -%}
        {#- A merge that began on them would hold up the deletion until it is through. -#}
        {%- do run_query(alter ~ ' modify setting ' ~ merges | join(' = 1, ') ~ ' = 1') -%}
    {%- endif -%}
    {%- do run_query(alter ~ ' attach partition tuple() from ' ~ mart) -%}
    {%- if touched.old_rows > 0 -%}
        {%- do run_query('delete from ' ~ relation ~ ' where (user_id, movie_id) in '
            ~ '(select user_id, movie_id from ' ~ touched.table ~ ' where had_row) '
            ~ 'settings lightweight_deletes_sync = 2') -%}
    {%- endif -%}
    {%- call statement('merged_rows') -%}
        {{ clickhouse__insert_into(relation, merged, true) }}
    {%- endcall -%}
    {%- if touched.made_anew > 0 -%}
        {%- set rows -%}
            select * from (
                {{ sql }}
                {{ only_events({}, now.events) }}
            )
            where (user_id, movie_id) in (
                select user_id, movie_id from {{ touched.table }} where made_from = 'all events'
            )
        {%- endset -%}
        {%- call statement('touched_rows') -%}
            {{ clickhouse__insert_into(relation, rows, true) }}
        {%- endcall -%}
    {%- endif -%}
    {%- set known = state_of_known() -%}
    {%- if touched.old_rows > 0 -%}
        {#- The merges that begin now take cores from what follows. -#}
        {%- do run_query(alter ~ ' reset setting ' ~ merges | join(', ')) -%}
    {%- endif -%}
    {%- do run_query('drop table ' ~ touched.table) -%}
    {#- Else somebody became known between two of these statements, and the next build would not
    know for which of them. -#}
    {%- if known == now.known -%}
        {%- set pair_count = (before.row_count + touched.merged - touched.old_rows) | int
            if before.has_all_pairs and touched.made_anew == 0 -%}
        {%- do store_result('state_of_mart', response=dict(now, pair_count=pair_count)) -%}
    {%- endif -%}
    {{ return('select 1') }}
{% endmacro %}
