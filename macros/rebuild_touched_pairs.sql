{% macro rebuild_touched_pairs(relation, mart, touched, sql) %}
    {#- The hash first: one number is faster to compare than two, and it is rarely wrong. -#}
    {%- set is_touched -%}
        cityHash64(user_id, movie_id) in (
            select cityHash64(user_id, movie_id) from {{ touched }}
        )
        and (user_id, movie_id) in (select user_id, movie_id from {{ touched }})
    {%- endset -%}
    {%- set had_rows = run_query(
        'select count() from ' ~ mart ~ ' where ' ~ is_touched
    ).rows[0][0] | int -%}
    {%- set alter = 'alter table ' ~ relation -%}
    {%- set merges = [
        'max_bytes_to_merge_at_max_space_in_pool', 'max_bytes_to_merge_at_min_space_in_pool'
    ] -%}
    {#- The old parts are linked and not copied. Nobody reads this table before the exchange. A
    merge that began on them would hold up the deletion until it is through. -#}
    {%- do clickhouse__create_empty_table(false, relation, sql, true) -%}
    {%- do run_query(alter ~ ' modify setting ' ~ merges | join(' = 1, ') ~ ' = 1') -%}
    {%- do run_query(alter ~ ' attach partition tuple() from ' ~ mart) -%}
    {%- if had_rows -%}
        {%- do run_query('delete from ' ~ relation ~ ' where ' ~ is_touched
            ~ ' settings lightweight_deletes_sync = 2') -%}
    {%- endif -%}
    {%- set rows -%}
        select * from ({{ sql }})
        where {{ is_touched }}
    {%- endset -%}
    {%- call statement('touched_rows') -%}
        {{ clickhouse__insert_into(relation, rows, true) }}
    {%- endcall -%}
    {%- do run_query(alter ~ ' reset setting ' ~ merges | join(', ')) -%}
    {%- do run_query('drop table ' ~ touched) -%}
    {{ return('select 1') }}
{% endmacro %}
