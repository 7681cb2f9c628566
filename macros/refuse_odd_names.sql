{% macro refuse_odd_names() %}
    {%- if execute -%}
        {%- set odd = [] -%}
        {%- for node in (graph.sources.values() | list) + (graph.nodes.values() | list)
            if node.resource_type in ['source', 'model', 'seed'] -%}
            {%- for name in [node.schema, node.identifier or node.alias] -%}
                {%- if modules.re.search('[\'"`\\\\]', name) and name not in odd -%}
                    {%- do odd.append(name) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if odd -%}
            {%- do exceptions.raise_compiler_error(
                'Quotes and backslashes in names of databases and tables are not supported: '
                ~ odd | join(', ') ~ '. Put a view with a plain name before a raw table '
                ~ "(docs/your_data.md), or choose another schema in profiles.yml."
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
