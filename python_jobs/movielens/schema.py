"""The tables that a load makes: the raw ones, and one of the lines that could not be used."""

from __future__ import annotations

COLUMNS = {
    "users": {
        "user_id": "UInt64",
        "email": "String",
        "first_name": "String",
        "last_name": "String",
        "country": "LowCardinality(String)",
        "signed_up_at": "DateTime64(3, 'UTC')",
    },
    "movies": {
        "movie_id": "UInt64",
        "title": "String",
        "genres": "LowCardinality(String)",
        "director": "LowCardinality(String)",
        "release_year": "UInt16",
        "duration_minutes": "UInt16",
    },
    "ratings": {
        "user_id": "UInt64",
        "movie_id": "UInt64",
        "rating": "Float32",
        "rated_at": "DateTime64(3, 'UTC')",
    },
    "watched_movies": {
        "user_id": "UInt64",
        "movie_id": "UInt64",
        "watched_at": "DateTime64(3, 'UTC')",
    },
    "rejected_lines": {
        "file": "LowCardinality(String)",
        "line_number": "UInt64",
        "reason": "LowCardinality(String)",
        "line": "String",
    },
}
"""Columns of each table that a load replaces; the raw ones as ``dbt seed`` makes them."""

SORT_KEYS = {
    "users": "user_id",
    "movies": "movie_id",
    "ratings": "(user_id, movie_id)",
    "watched_movies": "(user_id, movie_id)",
    "rejected_lines": "(file, line_number)",
}

REPLACEABLE_ENGINES = ("MergeTree", "SharedMergeTree")
MARK = "Loaded by python_jobs load-movielens"
"""Comment of the tables that a load made."""
