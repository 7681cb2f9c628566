{% macro rebuild_touched_pairs(relation, mart, touched, sql) %}
    {#- The hash first: comparing one number is faster than comparing two, and it is rarely wrong. -#}
    {%- set is_touched -%}
        cityHash64(user_id, movie_id) in (
            select cityHash64(user_id, movie_id) from {{ touched }}
        )
        and (user_id, movie_id) in (select user_id, movie_id from {{ touched }})
    {%- endset -%}
    {%- set had_rows = run_query(
        'select count() from ' ~ mart ~ ' where ' ~ is_touched
    ).rows[0][0] | int -%}
    {#- The old parts are linked and not copied; readers keep the old table until the exchange. -#}
    {%- do clickhouse__create_empty_table(false, relation, sql, true) -%}
    {%- do run_query('alter table ' ~ relation ~ ' attach partition tuple() from ' ~ mart) -%}
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
    {%- do run_query('drop table ' ~ touched ~ ' ' ~ on_cluster_clause(touched, true)) -%}
    {{ return('select 1') }}
{% endmacro %}
