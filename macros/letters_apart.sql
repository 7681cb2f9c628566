{% macro letters_apart(one, other) %}
    {%- set count = namespace(missing=0) -%}
    {%- for letter in one | list | unique -%}
        {%- set count.missing = count.missing + [one.count(letter) - other.count(letter), 0] | max -%}
    {%- endfor -%}
    {{ return([count.missing, count.missing + other | length - one | length] | max) }}
{% endmacro %}
