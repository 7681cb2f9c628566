{% macro say_what_was_withheld(results) %}
    {%- for result in results if result.node.name == 'withheld_recommendations'
        and result.status | string in ['pass', 'warn', 'fail'] -%}
        {%- set query -%}
            select count(), uniqExact(movie_id), any(recommendation_count)
            from {{ result.node.relation_name }}
        {%- endset -%}
        {%- set rows, movies, all = run_query(query).rows[0] -%}
        {%- if rows -%}
            {%- set sentence = '{:,} of {:,} published recommendations name movies that may not be '
                .format(rows | int, all | int)
                ~ 'shown any more ({:,} movies)'.format(movies | int)
                ~ (', more than withheld_error_percent. The marts stay as they were. Where this is '
                    ~ 'meant, `python_jobs score --max-shrink 1` makes new lists. '
                    if result.status == 'fail' else
                    ', and stay out of the marts. `python_jobs score` fills the lists again. ')
                ~ result.node.relation_name | replace('`', '') ~ ' has them.' -%}
            {%- do tell(sentence) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
