{% macro unusable_id_example() %}
    {%- for name in ['ratings', 'watched_movies'] -%}
        {%- set table = graph.sources['source.dataflix.dataflix.' ~ name] -%}
        {%- for column in ['user_id', 'movie_id'] -%}
            {%- set query -%}
                select toString({{ column }})
                from {{ adapter.get_relation('', table.schema, table.identifier) }}
                where {{ as_id(column) }} = 0
                limit 1
            {%- endset -%}
            {%- set found = run_query(query).rows -%}
            {%- if found -%}
                {{ return(
                    ' An id must be a whole number above 0; ' ~ table.schema ~ '.' ~ table.identifier
                    ~ '.' ~ column ~ " has '" ~ found[0][0] ~ "', for example (docs/your_data.md, "
                    ~ '"String ids").'
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return('') }}
{% endmacro %}
