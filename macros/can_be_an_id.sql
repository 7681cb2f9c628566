{% macro can_be_an_id() -%}
    ^(Nullable\(|LowCardinality\()*(U?Int|Float|BFloat|Decimal|String|FixedString|Enum|Bool)
{%- endmacro %}
