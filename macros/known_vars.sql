{% macro known_vars() %}
    {{ return([
        'raw_database',
        'raw_users',
        'raw_movies',
        'raw_ratings',
        'raw_watched_movies',
        'raw_loaded_at',
        'raw_warn_after_days',
        'training_warn_after_days',
        'rejected_warn_percent',
        'rating_weight',
        'watched_weight',
        'dataset_sample',
        'spill_after_bytes',
        'key_tests_one_user_in',
        'load_sample',
    ]) }}
{% endmacro %}
