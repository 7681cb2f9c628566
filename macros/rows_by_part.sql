{% macro rows_by_part(source, newest, has_parts, kept) -%}
    {%- set table = graph.sources['source.dataflix.dataflix.' ~ source] -%}
    select
        {{ as_literal(source) }} as source,
        dataflix_part || ' part' as part,
        toString(count()) || ' rows' as row_count,
        toString(sum(dataflix_hash)) || ' hash' as row_hash,
        toString(coalesce(max(dataflix_loaded), 0)) || ' ms' as newest,
        toString(countIf(dataflix_loaded is null)) || ' rows' as undated,
        toString(countIf(is_before)) || ' rows' as count_before,
        toString(sumIf(dataflix_hash, is_before)) || ' hash' as hash_before
    from (
        select
            *,
            coalesce(dataflix_loaded <= {{ newest }}, false) as is_before
        from (
            -- Named like no column of a raw table, which the load time may be made of.
            select
                {{ '_part' if has_parts else "''" }} as dataflix_part,
                -- Of all columns, whichever of them staging reads.
                cityHash64(tuple(*)) as dataflix_hash,
                toUnixTimestamp64Milli({{ loaded_at() }}) as dataflix_loaded
            from {{ table.relation_name }}
            where {{ "_part not in ('" ~ kept | join("', '") ~ "')" if kept else 'true' }}
        )
    )
    group by dataflix_part
    settings asterisk_include_alias_columns = 1, asterisk_include_materialized_columns = 1
{%- endmacro %}
