{% macro parts_of(sources) %}
    {%- set tables, schemas, identifiers = {}, [], [] -%}
    {%- for source in sources -%}
        {%- set table = graph.sources['source.dataflix.dataflix.' ~ source] -%}
        {%- do tables.update({source: table.schema ~ '.' ~ table.identifier}) -%}
        {%- do schemas.append(as_literal(table.schema)) -%}
        {%- do identifiers.append(as_literal(table.identifier)) -%}
    {%- endfor -%}
    {#- A patch part changes rows of other parts without giving these another name. -#}
    {%- set query -%}
        select
            database || '.' || table as of_table,
            name || ' part' as part,
            hex(cityHash64(path, hash_of_all_files)) || ' key' as key,
            startsWith(name, 'patch-') as is_patch
        from system.parts
        where database in ({{ schemas | join(', ') }}) and table in ({{ identifiers | join(', ') }})
            and active
        order by rows desc
    {%- endset -%}
    {%- set found, parts = run_query(query).rows, {} -%}
    {%- for source, table in tables.items() -%}
        {%- set own = found | selectattr('of_table', 'equalto', table) | list -%}
        {%- do parts.update({source: {}}) -%}
        {%- for row in own if not own | selectattr('is_patch') | list -%}
            {%- do parts[source].update({row['part'].split(' ')[0]: row['key'].split(' ')[0]}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(parts) }}
{% endmacro %}
