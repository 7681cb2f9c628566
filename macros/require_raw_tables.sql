{% macro require_raw_tables() %}
    {%- if execute and flags.WHICH in ['run', 'build', 'test'] -%}
        {%- set missing = [] -%}
        {%- for node in graph.nodes.values() if node.unique_id in selected_resources -%}
            {%- for id in node.depends_on.nodes if id.startswith('source.dataflix.dataflix.') -%}
                {%- set table = graph.sources[id] -%}
                {%- set name = table.schema ~ '.' ~ table.identifier -%}
                {%- if name not in missing
                    and not adapter.get_relation('', table.schema, table.identifier) -%}
                    {%- do missing.append(name) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if missing -%}
            {%- do exceptions.raise_compiler_error(
                'There is no raw table ' ~ missing | sort | join(', ') ~ ' on target '
                ~ target.name ~ '. Run `dbt seed` (the sample), `python_jobs load-movielens`, or '
                ~ "point the vars raw_database, raw_users, raw_movies, raw_ratings and "
                ~ "raw_watched_movies at your own tables."
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
