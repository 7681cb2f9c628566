{% macro letters_apart(one, other) %}
    {%- set count = namespace(missing=0) -%}
    {%- for letter in one | list | unique -%}
        {%- set more = one.count(letter) - other.count(letter) -%}
        {%- set count.missing = count.missing + [more, 0] | max -%}
    {%- endfor -%}
    {{ return([count.missing, count.missing + other | length - one | length] | max) }}
{% endmacro %}
