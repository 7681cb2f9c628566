{% macro tell(sentence) %}
    {#- `print` is heard with --quiet too, and `log` without `info` is for the log file. -#}
    {%- do print(sentence) -%}
    {%- do log(sentence) -%}
{% endmacro %}
