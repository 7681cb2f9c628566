{% macro what_to_remember(now) %}
    {%- set row_count = run_query('select count() from ' ~ this).rows[0][0] | int -%}
    {%- set pair_count = now.pair_count -%}
    {%- if pair_count is none -%}
        {%- set query = 'select count() from ' ~ relation_of('int_user_movie_interactions') -%}
        {%- set pair_count = run_query(query ~ only_events({}, now.events)).rows[0][0] | int -%}
    {%- endif -%}
    {%- set events = {} -%}
    {%- for source, state in now.events.items() -%}
        {%- do events.update({source: {
            'row_count': state.row_count,
            'row_hash': state.row_hash,
            'newest': state.newest,
            'parts': state.parts,
        }}) -%}
    {%- endfor -%}
    {{ return({
        'rule': now.rule,
        'as_of': now.as_of,
        'known': now.known,
        'ahead': now.ahead,
        'events': events,
        'row_count': row_count,
        'has_all_pairs': row_count == pair_count,
    }) }}
{% endmacro %}
