{% macro rebuild_touched_pairs(relation, mart, touched, sql, before, now) %}
    {%- set counts = run_query(
        "select countIf(had_row), countIf(made_from = 'all events'), "
        ~ "toInt64(countIf(made_from = 'two rows')) - toInt64(countIf(had_row)) from " ~ touched
    ).rows[0] -%}
    {%- set alter = 'alter table ' ~ relation -%}
    {%- set merges = [
        'max_bytes_to_merge_at_max_space_in_pool', 'max_bytes_to_merge_at_min_space_in_pool'
    ] -%}
    {#- The old parts are linked and not copied. Nobody reads this table before the exchange. A
    merge that began on them would hold up the deletion until it is through. -#}
    {%- do clickhouse__create_empty_table(false, relation, sql, true) -%}
    {%- do run_query(alter ~ ' modify setting ' ~ merges | join(' = 1, ') ~ ' = 1') -%}
    {%- do run_query(alter ~ ' attach partition tuple() from ' ~ mart) -%}
    {%- if counts[0] | int > 0 -%}
        {%- do run_query('delete from ' ~ relation ~ ' where (user_id, movie_id) in '
            ~ '(select user_id, movie_id from ' ~ touched ~ ' where had_row) '
            ~ 'settings lightweight_deletes_sync = 2') -%}
    {%- endif -%}
    {%- set two_rows -%}
        (
            select user_id, movie_id, rating, watch_count, first_interacted_at, last_interacted_at
            from {{ touched }}
            where made_from = 'two rows'
        )
    {%- endset -%}
    {%- call statement('merged_rows') -%}
        {{ clickhouse__insert_into(
            relation, sql | replace(relation_of('int_user_movie_interactions'), two_rows), true
        ) }}
    {%- endcall -%}
    {%- if counts[1] | int > 0 -%}
        {%- set rows -%}
            select * from (
                {{ sql }}
                {{ only_events({}, now.events) }}
            )
            where (user_id, movie_id) in (
                select user_id, movie_id from {{ touched }} where made_from = 'all events'
            )
        {%- endset -%}
        {%- call statement('touched_rows') -%}
            {{ clickhouse__insert_into(relation, rows, true) }}
        {%- endcall -%}
    {%- endif -%}
    {%- set known = state_of_known() -%}
    {#- The merges that begin now take cores from what follows. -#}
    {%- do run_query(alter ~ ' reset setting ' ~ merges | join(', ')) -%}
    {%- do run_query('drop table ' ~ touched) -%}
    {#- Else somebody became known between two of these statements, and the next build would not
    know for which of them. -#}
    {%- if known == now.known -%}
        {%- set pair_count = before.row_count + counts[2] | int
            if before.has_all_pairs and counts[1] | int == 0 -%}
        {%- do store_result('state_of_mart', response=dict(now, pair_count=pair_count)) -%}
    {%- endif -%}
    {{ return('select 1') }}
{% endmacro %}
