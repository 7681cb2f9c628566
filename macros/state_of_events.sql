{% macro state_of_events(before) %}
    {%- set found = {} -%}
    {%- for source in ['ratings', 'watched_movies'] -%}
        {%- set was = before.get('events', {}).get(source, {}) -%}
        {%- set parts, kept = parts_of(source), {} -%}
        {%- for name, key in parts.items() if key in was.get('parts', {}) -%}
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
            'row_hash': hashes | sum,
            'hash_before': hashes | sum,
            'undated': 0,
            'newest': newest | max,
            'kept': kept.keys() | list,
            'parts': {},
        } -%}
        {%- for name, told in kept.items() -%}
            {%- do now.parts.update({parts[name]: told}) -%}
        {%- endfor -%}
        {%- set query = rows_by_part(source, was.get('newest', 0), parts, now.kept) -%}
        {%- for row in run_query(query).rows -%}
            {#- With words behind the figures, which agate would read as numbers and round. -#}
            {%- set told = {} -%}
            {%- for name in row.keys() if name != 'part' -%}
                {%- do told.update({name: row[name].split(' ')[0] | int}) -%}
            {%- endfor -%}
            {%- for name in ['row_count', 'count_before', 'row_hash', 'hash_before', 'undated'] -%}
                {%- do now.update({name: now[name] + told[name]}) -%}
            {%- endfor -%}
            {%- do now.update({'newest': [now.newest, told.newest] | max}) -%}
            {%- set part = row['part'].split(' ')[0] -%}
            {#- The comment of a table is no place for more. -#}
            {%- if part in parts and now.parts | length < 200 -%}
                {%- do now.parts.update({
                    parts[part]: [told.row_count, told.row_hash, told.newest],
                }) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for name in ['row_hash', 'hash_before'] -%}
            {%- do now.update({name: now[name] % 2 ** 64}) -%}
        {%- endfor -%}
        {%- do found.update({source: now}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
