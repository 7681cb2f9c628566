{% macro parts_of(source) %}
    {%- set table = graph.sources['source.dataflix.dataflix.' ~ source] -%}
    {#- A patch part changes rows of other parts without giving these another name. -#}
    {%- set query -%}
        select
            name || ' part' as part,
            hex(cityHash64(path, hash_of_all_files)) || ' key' as key,
            startsWith(name, 'patch-') as is_patch
        from system.parts
        where database = '{{ table.schema }}' and table = '{{ table.identifier }}' and active
        order by rows desc
    {%- endset -%}
    {%- set found = run_query(query).rows -%}
    {%- set parts = {} -%}
    {%- for row in found if not found | selectattr('is_patch') | list -%}
        {%- do parts.update({row['part'].split(' ')[0]: row['key'].split(' ')[0]}) -%}
    {%- endfor -%}
    {{ return(parts) }}
{% endmacro %}
