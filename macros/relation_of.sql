{% macro relation_of(name) %}
    {{ return(graph.nodes['model.dataflix.' ~ name].relation_name) }}
{% endmacro %}
