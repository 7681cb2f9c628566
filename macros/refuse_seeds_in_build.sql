{% macro refuse_seeds_in_build() %}
    {%- if execute and flags.WHICH == 'build'
        and 'seed.dataflix.' in selected_resources | join(' ') -%}
        {%- do exceptions.raise_compiler_error(
            'This build would load the sample over the raw tables. Seeds are loaded by `dbt seed` '
            ~ 'alone: add --exclude package:dataflix,resource_type:seed.'
        ) -%}
    {%- endif -%}
{% endmacro %}
