{% macro state_of_events(before) %}
    {%- set sources, found, queries = ['ratings', 'watched_movies'], {}, [] -%}
    {%- set parts = parts_of(sources) -%}
    {%- for source in sources -%}
        {%- set was, kept = before.get('events', {}).get(source, {}), {} -%}
        {%- for name, key in parts[source].items() if key in was.get('parts', {}) -%}
            {%- do kept.update({name: was.parts[key]}) -%}
        {%- endfor -%}
        {#- What is remembered of parts that are as they were; all their rows were dated. -#}
        {%- set counts, hashes = kept.values() | map('first') | sum, [] -%}
        {%- set newest = [0] -%}
        {%- for told in kept.values() -%}
            {%- do hashes.append(told[1]) -%}
            {%- do newest.append(told[2]) -%}
        {%- endfor -%}
        {%- set now = {
            'row_count': counts,
            'count_before': counts,
            'row_hash': hashes | sum % 2 ** 64,
            'hash_before': hashes | sum % 2 ** 64,
            'undated': 0,
            'newest': newest | max,
            'kept': kept.keys() | list,
            'parts': {},
        } -%}
        {%- for name, told in kept.items() -%}
            {%- do now.parts.update({parts[source][name]: told}) -%}
        {%- endfor -%}
        {%- do found.update({source: now}) -%}
        {%- do queries.append(
            rows_by_part(source, was.get('newest', 0), parts[source], now.kept)
        ) -%}
    {%- endfor -%}
    {%- for row in run_query(queries | join('\nunion all\n')).rows -%}
        {%- set now, keys, told = found[row['source']], parts[row['source']], {} -%}
        {#- With words behind the figures, which agate would read as numbers and round. -#}
        {%- for name in row.keys() if name not in ['source', 'part'] -%}
            {%- do told.update({name: row[name].split(' ')[0] | int}) -%}
        {%- endfor -%}
        {%- for name in ['row_count', 'count_before', 'row_hash', 'hash_before', 'undated'] -%}
            {%- do now.update({name: (now[name] + told[name]) % 2 ** 64}) -%}
        {%- endfor -%}
        {%- do now.update({'newest': [now.newest, told.newest] | max}) -%}
        {%- set part = row['part'].split(' ')[0] -%}
        {#- The comment of a table is no place for more. -#}
        {%- if part in keys and now.parts | length < 200 -%}
            {%- do now.parts.update({
                keys[part]: [told.row_count, told.row_hash, told.newest],
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
