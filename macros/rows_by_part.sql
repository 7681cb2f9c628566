{% macro rows_by_part(source, newest, has_parts, kept) -%}
    {%- set table = graph.sources['source.dataflix.dataflix.' ~ source] -%}
    select
        part || ' part' as part,
        toString(count()) || ' rows' as row_count,
        toString(sum(hash_of_row)) || ' hash' as row_hash,
        toString(coalesce(max(loaded), 0)) || ' ms' as newest,
        toString(countIf(loaded is null)) || ' rows' as undated,
        toString(countIf(is_before)) || ' rows' as count_before,
        toString(sumIf(hash_of_row, is_before)) || ' hash' as hash_before
    from (
        select
            *,
            coalesce(loaded <= {{ newest }}, false) as is_before
        from (
            select
                {{ '_part' if has_parts else "''" }} as part,
                -- Of all columns, whichever of them staging reads.
                cityHash64(tuple(*)) as hash_of_row,
                toUnixTimestamp64Milli({{ loaded_at() }}) as loaded
            from {{ table.relation_name }}
            where {{ "_part not in ('" ~ kept | join("', '") ~ "')" if kept else 'true' }}
        )
    )
    group by part
    settings asterisk_include_alias_columns = 1, asterisk_include_materialized_columns = 1
{%- endmacro %}
