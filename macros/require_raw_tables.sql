{% macro require_raw_tables() %}
    {%- if execute and flags.WHICH in ['run', 'build', 'test'] -%}
        {%- set missing = [] -%}
        {%- set no_numbers = [] -%}
        {%- set seen = [] -%}
        {%- for node in graph.nodes.values() if node.unique_id in selected_resources -%}
            {%- for id in node.depends_on.nodes if id not in seen
                and (id.startswith('source.dataflix.dataflix.')
                or (var('impressions') and id.startswith('source.dataflix.impressions.'))) -%}
                {%- do seen.append(id) -%}
                {%- set table = graph.sources[id] -%}
                {%- set name = table.schema ~ '.' ~ table.identifier -%}
                {%- set found = adapter.get_relation('', table.schema, table.identifier) -%}
                {%- if not found -%}
                    {%- do missing.append(name) -%}
                {%- else -%}
                    {%- for column in adapter.get_columns_in_relation(found)
                        if column.name in ['user_id', 'movie_id'] and column.name in table.columns -%}
                        {%- set said = name ~ '.' ~ column.name ~ ' (' ~ column.data_type ~ ')'
                            if not modules.re.match(can_be_an_id(), column.data_type)
                            else all_unusable_ids(found, column.name) -%}
                        {%- if said -%}
                            {%- do no_numbers.append(said) -%}
                        {%- endif -%}
                    {%- endfor -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if missing -%}
            {#- Elsewhere it loads nothing without being told to: dbt_project.yml. -#}
            {%- set told = '' if target.type == 'chdb' else " --vars 'load_sample: true'" -%}
            {%- do exceptions.raise_compiler_error(
                'There is no raw table ' ~ missing | sort | join(', ') ~ ' on target '
                ~ target.name ~ '. Run `dbt seed' ~ told ~ '` (the sample), '
                ~ '`python_jobs load-movielens`, or '
                ~ "point the vars raw_database, raw_users, raw_movies, raw_ratings and "
                ~ "raw_watched_movies at your own tables."
                ~ (' The var impressions may be left out.' if var('impressions') else '')
            ) -%}
        {%- endif -%}
        {%- if no_numbers -%}
            {%- do exceptions.raise_compiler_error(
                'Ids must be whole numbers above 0, and these are not: '
                ~ no_numbers | sort | join(', ')
                ~ '. Give each id a number, in a table of your own that a view joins, or in a line '
                ~ 'of the view, such as `cityHash64(user_id) as user_id`: docs/your_data.md, '
                ~ '"String ids", has the statements.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
