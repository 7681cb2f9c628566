{% macro refuse_misspelt_vars() %}
    {#- Not only where `execute` is: read with the project, it stops every dbt command, and
        python_jobs too. Jinja has no list of the vars; this is where dbt keeps it. -#}
    {%- set vars = {} -%}
    {%- do vars.update(ref.config.vars.to_dict()) -%}
    {%- do vars.update(vars.get('dataflix', {})) -%}
    {%- do vars.update(ref.config.cli_vars) -%}
    {%- set said = [] -%}
    {%- for name in vars if name not in known_vars() and vars[name] is not mapping -%}
        {%- set nearest = namespace(name='', distance=3) -%}
        {%- for known in known_vars() -%}
            {%- set distance = letters_apart(name | lower | replace('-', '_'), known) -%}
            {%- if distance < nearest.distance -%}
                {%- set nearest.name = known -%}
                {%- set nearest.distance = distance -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if nearest.name -%}
            {%- do said.append(name ~ ' (' ~ nearest.name ~ '?)') -%}
        {%- elif name.startswith('raw_') -%}
            {%- do said.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set absent = [] -%}
    {%- for name in known_vars() if name not in vars and name != 'load_sample' -%}
        {%- do absent.append(name) -%}
    {%- endfor -%}
    {%- if said -%}
        {%- do exceptions.raise_compiler_error(
            'Nothing reads the var ' ~ said | join(', ') ~ '. Mend its name in dbt_project.yml or in '
            ~ '--vars. The vars are ' ~ known_vars() | join(', ') ~ '.'
        ) -%}
    {%- elif absent -%}
        {%- do exceptions.raise_compiler_error(
            'There is no var ' ~ absent | join(', ') ~ ' in dbt_project.yml. Put its line back under '
            ~ '`vars`; the file as shipped has all of them, with what they mean.'
        ) -%}
    {%- endif -%}
{% endmacro %}
