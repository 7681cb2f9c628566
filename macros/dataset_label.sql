{% macro dataset_label() -%}
    '{{ env_var('DATAFLIX_DATASET', '') | replace('\\', '\\\\') | replace("'", "\\'") }}'
{%- endmacro %}
