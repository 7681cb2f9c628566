{% macro create_ml_tables() %}
    {%- if execute and flags.WHICH in ['run', 'build', 'test', 'freshness'] -%}
        {%- do create_ml_table(
            source('recommender', 'recommendations'),
            order_by='(user_id, rank)',
            partition_by='run_id',
            columns="
                run_id String,
                user_id UInt64,
                movie_id UInt64,
                rank UInt16,
                score Float32,
                reason LowCardinality(String),
                because_movie_id UInt64,
                strongest_movie_id UInt64
            ",
        ) -%}
        {%- do create_ml_table(
            source('recommender', 'similar_movies'),
            order_by='(movie_id, rank)',
            partition_by='run_id',
            columns="
                run_id String,
                movie_id UInt64,
                similar_movie_id UInt64,
                rank UInt16,
                cosine Float32
            ",
        ) -%}
        {%- do create_ml_table(
            source('recommender', 'movie_factors'),
            order_by='(feature, movie_id)',
            partition_by='run_id',
            columns="
                run_id String,
                movie_id UInt64,
                feature UInt16,
                weight Float32
            ",
        ) -%}
        {%- do create_ml_table(
            source('recommender', 'training_runs'),
            order_by='(published_at, run_id)',
            partition_by='tuple()',
            columns="
                run_id String,
                published_at DateTime64(3, 'UTC'),
                model_name String,
                model_version String,
                users UInt64,
                movies UInt64,
                interactions UInt64,
                recommendations UInt64,
                params Map(String, String),
                metrics Map(String, Float64),
                dbt_invocation_id String,
                git_commit String
            ",
        ) -%}
    {%- endif -%}
{% endmacro %}
