{% macro print_yml(model) %}
    {%- set nodes = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'model' and node.name == model -%}
        {%- do nodes.append(node) -%}
    {%- endfor -%}
    {%- if not nodes -%}
        {%- do exceptions.raise_compiler_error(
            'There is no model ' ~ model ~ '. `dbt ls --resource-type model` lists them.'
        ) -%}
    {%- endif -%}
    {#- Its query and not its table, which a mart without its yml has not got yet. -#}
    {%- set query = render(nodes[0].raw_code) -%}
    {%- set lines = [
        'version: 2',
        '',
        'models:',
        '  - name: ' ~ model,
        '    description: One row per …',
    ] -%}
    {%- if nodes[0].contract.enforced -%}
        {%- do lines.extend([
            '    config:',
            '      group: interactions',
            '    latest_version: 1',
            '    versions:',
            '      - v: 1',
            '        defined_in: ' ~ model,
            '        config:',
            '          alias: ' ~ model,
        ]) -%}
    {%- endif -%}
    {%- do lines.append('    columns:') -%}
    {%- for column in run_query('describe table (' ~ query ~ '\n)').rows -%}
        {%- do lines.extend([
            '      - name: ' ~ column[0],
            '        data_type: ' ~ column[1],
            '        description: …',
        ]) -%}
    {%- endfor -%}
    {%- do print(lines | join('\n')) -%}
{% endmacro %}
