{% macro touched_pairs(relation, mart, before) %}
    {%- set users = graph.nodes['model.dataflix.stg_dataflix__users'].relation_name -%}
    {%- set movies = graph.nodes['model.dataflix.stg_dataflix__movies'].relation_name -%}
    {%- set touched = api.Relation.create(
        schema=relation.schema,
        identifier=this.identifier ~ '__touched',
        can_on_cluster=adapter.should_on_cluster(),
    ) -%}
    {%- set as_of = before.events.values() | map(attribute='as_of') | min -%}
    {%- set newest = before.events -%}
    {%- do run_query('drop table if exists ' ~ touched ~ ' ' ~ on_cluster_clause(touched, true)) -%}
    {%- do run_query('create table ' ~ touched ~ ' ' ~ on_cluster_clause(touched)
        ~ ' (user_id UInt64, movie_id UInt64) engine = ' ~ table_engine(touched.schema)
        ~ ' order by (user_id, movie_id)') -%}
    {%- set query -%}
        insert into {{ touched }}
        select distinct
            user_id,
            movie_id
        from (
            select
                user_id,
                movie_id
            from ({{ raw_events() }})
            where
                coalesce(loaded > if(
                    source = 'ratings',
                    {{ newest.get('ratings', {}).get('newest', 0) }},
                    {{ newest.get('watched_movies', {}).get('newest', 0) }}
                ), true)
                -- Those who became known. What was known and has no row here has none to lose.
                or user_id in (
                    select user_id from {{ users }}
                    where user_id not in (select user_id from {{ mart }})
                )
                or movie_id in (
                    select movie_id from {{ movies }}
                    where movie_id not in (select movie_id from {{ mart }})
                )
                -- What lay in the future.
                or coalesce(
                    happened_at > fromUnixTimestamp64Milli({{ as_of }}) + interval 1 day
                    and happened_at <= now64(3, 'UTC') + interval 1 day,
                    false
                )

            union all

            -- Those who are no longer known.
            select
                user_id,
                movie_id
            from {{ mart }}
            where
                user_id not in (select user_id from {{ users }})
                or movie_id not in (select movie_id from {{ movies }})
        )
    {%- endset -%}
    {%- do run_query(query) -%}
    {{ return(touched) }}
{% endmacro %}
