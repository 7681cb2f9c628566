{% macro say_what_was_rejected(results) %}
    {%- for result in results if result.node.name == 'rejected_interactions'
        and result.status | string in ['pass', 'warn'] -%}
        {%- set query -%}
            select problem, count(), any(event_count), sum(count()) over ()
            from {{ result.node.relation_name }}
            group by problem
            order by count() desc, problem asc
        {%- endset -%}
        {%- set found = run_query(query).rows -%}
        {%- if found -%}
            {%- set problems = [] -%}
            {%- for row in found -%}
                {%- do problems.append('{:,} {}'.format(row[1] | int, row[0])) -%}
            {%- endfor -%}
            {%- set sentence = '{:,} of {:,} ratings and watch events stay out of the training mart: '
                .format(found[0][3] | int, found[0][2] | int)
                ~ problems | join(', ') ~ '. ' ~ result.node.relation_name | replace('`', '')
                ~ ' has them.' ~ (
                    unusable_id_example() if 'id is no number' in problems | join else ''
                ) -%}
            {%- do tell(sentence) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
