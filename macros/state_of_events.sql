{% macro state_of_events(before) %}
    {%- set ratings = before.get('ratings', {}).get('newest', 0) -%}
    {%- set watched = before.get('watched_movies', {}).get('newest', 0) -%}
    {%- set query -%}
        select
            source,
            toString(toUnixTimestamp64Milli(now64(3))) || ' ms' as as_of,
            toString(count()) || ' rows' as row_count,
            toString(countIf(loaded is null)) || ' rows' as undated,
            toString(coalesce(max(loaded), 0)) || ' ms' as newest,
            hex(sum(hash_of_row)) || ' hash' as row_hash,
            toString(countIf(is_ahead)) || ' rows' as ahead,
            toString(countIf(is_before)) || ' rows' as count_before,
            hex(sumIf(hash_of_row, is_before)) || ' hash' as hash_before
        from (
            select
                source,
                loaded,
                coalesce(loaded <= if(source = 'ratings', {{ ratings }}, {{ watched }}), false)
                    as is_before,
                coalesce(happened_at > now64(3, 'UTC') + interval 1 day, false) as is_ahead,
                cityHash64(
                    user_id,
                    movie_id,
                    rating,
                    toUnixTimestamp64Milli(coalesce(happened_at, toDateTime64(0, 3, 'UTC')))
                ) as hash_of_row
            from ({{ raw_events() }})
        )
        group by source
    {%- endset -%}
    {#- With words behind the figures, which agate would read as numbers and round. -#}
    {%- set found = {} -%}
    {%- for row in run_query(query).rows -%}
        {%- set told = {} -%}
        {%- for name in ['as_of', 'row_count', 'undated', 'newest', 'ahead', 'count_before'] -%}
            {%- do told.update({name: row[name].split(' ')[0] | int}) -%}
        {%- endfor -%}
        {%- for name in ['row_hash', 'hash_before'] -%}
            {%- do told.update({name: row[name].split(' ')[0]}) -%}
        {%- endfor -%}
        {%- do found.update({row['source']: told}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
