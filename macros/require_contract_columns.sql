{% macro require_contract_columns() %}
    {%- if execute and flags.WHICH in ['run', 'build'] -%}
        {%- set lacking = [] -%}
        {%- for node in graph.nodes.values() if node.unique_id in selected_resources
            and node.resource_type == 'model' and node.contract.enforced -%}
            {%- set columns = node.columns.values() | list -%}
            {%- if not columns or columns | rejectattr('data_type') | list -%}
                {%- do lacking.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if lacking -%}
            {%- do exceptions.raise_compiler_error(
                'No columns, or columns without a data_type, in the yml of ' ~ lacking | join(', ')
                ~ '. Marts have contracts: every column with its type stands beside the model in '
                ~ 'models/marts/*.yml. Print what is missing with: dbt run-operation print_yml --args '
                ~ "'model: " ~ lacking[0] ~ "' (docs/extending.md)."
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
