{% macro rule_of_mart(sql) %}
    {#- The vars stand in its own SQL and in the views, as they are in the database. -#}
    {%- set views, seen = model.depends_on.nodes | list, [] -%}
    {%- for _ in range(9) -%}
        {%- for id in views if id not in seen -%}
            {%- do seen.append(id) -%}
            {%- do views.extend(graph.nodes[id].depends_on.nodes if id in graph.nodes else []) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set pairs, names = [], [] -%}
    {%- for id in seen | sort if id in graph.nodes -%}
        {%- set view = graph.nodes[id] -%}
        {%- do names.append(as_literal(view.alias)) -%}
        {%- do pairs.append('(' ~ as_literal(view.schema) ~ ', ' ~ as_literal(view.alias) ~ ')') -%}
    {%- endfor -%}
    {%- set query -%}
        select hex(sum(cityHash64(database, name, as_select))) || ' hash', count()
        from system.tables
        -- By names alone ClickHouse finds them without writing out the SQL of every view.
        where name in ({{ names | join(', ') }})
            and (database, name) in ({{ pairs | join(', ') }}) and engine = 'View'
    {%- endset -%}
    {%- set found = run_query(query).rows[0] -%}
    {#- With --defer the query reads other views than these. -#}
    {%- set same = found[1] | int == names | length
        and graph.nodes[model.depends_on.nodes[0]].relation_name in sql and reads_only_raw() -%}
    {%- set types = model.columns.values() | map(attribute='data_type') | join -%}
    {#- A part that is taken over keeps the order and the indexes that it was made with. -#}
    {%- set kept_by = config.get('order_by') ~ config.get('indexes') -%}
    {{ return(local_md5(sql ~ found[0] ~ types ~ kept_by) if same else '') }}
{% endmacro %}
