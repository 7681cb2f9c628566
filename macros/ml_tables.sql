{% macro ml_tables() %}
    {#- The default of mlflow_run_id is for rows of the first release, which had no such column. -#}
    {{ return({
        'recommendations': {
            'partition_by': 'run_id',
            'order_by': '(user_id, rank)',
            'columns': {
                'run_id': 'String',
                'user_id': 'UInt64',
                'movie_id': 'UInt64',
                'rank': 'UInt16',
                'score': 'Float32',
                'reason': 'LowCardinality(String)',
                'because_movie_id': 'UInt64',
                'strongest_movie_id': 'UInt64',
            },
        },
        'similar_movies': {
            'partition_by': 'run_id',
            'order_by': '(movie_id, rank)',
            'columns': {
                'run_id': 'String',
                'movie_id': 'UInt64',
                'similar_movie_id': 'UInt64',
                'rank': 'UInt16',
                'cosine': 'Float32',
            },
        },
        'movie_factors': {
            'partition_by': 'run_id',
            'order_by': '(feature, movie_id)',
            'columns': {
                'run_id': 'String',
                'movie_id': 'UInt64',
                'feature': 'UInt16',
                'weight': 'Float32',
            },
        },
        'training_runs': {
            'partition_by': 'tuple()',
            'order_by': '(published_at, run_id)',
            'columns': {
                'run_id': 'String',
                'mlflow_run_id':
                    "String default if(params['scored_with_run'] != '', params['scored_with_run'], run_id)",
                'published_at': "DateTime64(3, 'UTC')",
                'model_name': 'String',
                'model_version': 'String',
                'users': 'UInt64',
                'movies': 'UInt64',
                'interactions': 'UInt64',
                'recommendations': 'UInt64',
                'params': 'Map(String, String)',
                'metrics': 'Map(String, Float64)',
                'dbt_invocation_id': 'String',
                'git_commit': 'String',
            },
            'settings': {
                'non_replicated_deduplication_window': 1000,
            },
        },
        'refused_runs': {
            'partition_by': 'tuple()',
            'order_by': '(refused_at, run_id)',
            'columns': {
                'run_id': 'String',
                'mlflow_run_id': 'String',
                'refused_at': "DateTime64(3, 'UTC')",
                'job': 'LowCardinality(String)',
                'reasons': 'Array(String)',
                'model_name': 'String',
                'model_version': 'String',
                'users': 'UInt64',
                'movies': 'UInt64',
                'interactions': 'UInt64',
                'params': 'Map(String, String)',
                'metrics': 'Map(String, Float64)',
                'dbt_invocation_id': 'String',
                'git_commit': 'String',
            },
        },
    }) }}
{% endmacro %}
