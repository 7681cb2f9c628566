from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from python_jobs.errors import UserError
from python_jobs.interactions import read_interactions
from python_jobs.relation import Relation
from python_jobs.warehouse import Warehouse

COLUMNS = ["user_id", "movie_id", "interaction_score", "milliseconds"]
CREATE = """
create or replace table scratch.mart (
    user_id UInt64,
    movie_id UInt64,
    interaction_score Float32,
    milliseconds Int64,
    last_interacted_at DateTime64(3, 'UTC')
        materialized fromUnixTimestamp64Milli(milliseconds, 'UTC')
)
engine = MergeTree
order by (user_id, movie_id)
"""
BEYOND_32_BITS = 2**40


@pytest.fixture
def scratch(warehouse):
    """A mart of its own beside the real one, to fill with anything."""
    warehouse.client.command("create database if not exists scratch")
    warehouse.client.command(CREATE)
    project: Any = SimpleNamespace(
        model=lambda name: Relation("scratch", "mart"), source=warehouse.project.source
    )
    yield Warehouse(warehouse.client, project)
    warehouse.client.command("drop database scratch")


def _fill(scratch, cells):
    """Insert {(user, movie): (score, milliseconds)}."""
    users, movies = np.array(list(cells), dtype=np.uint64).T
    scores, times = np.array(list(cells.values())).T
    scratch.client.insert(
        "scratch.mart",
        [users, movies, scores.astype(np.float32), times.astype(np.int64)],
        column_names=COLUMNS,
        column_oriented=True,
    )


def _random_cells(users, movies, cells):
    random = np.random.default_rng(7)
    keys = zip(
        BEYOND_32_BITS + 3 * random.integers(0, users, cells),
        BEYOND_32_BITS + 5 * random.integers(0, movies, cells),
        strict=True,
    )
    values = zip(random.integers(1, 12, cells) / 2, random.integers(1, 10**12, cells), strict=True)
    return dict(zip(keys, values, strict=True))


def test_the_matrix_equals_one_built_from_a_dictionary(scratch):
    cells = _random_cells(users=900, movies=400, cells=200_000)  # several blocks of the stream
    _fill(scratch, cells)
    read = read_interactions(scratch)
    assert read.user_ids.tolist() == sorted({user for user, _ in cells})
    assert read.movie_ids.tolist() == sorted({movie for _, movie in cells})
    assert read.matrix.dtype == np.float32
    assert read.matrix.nnz == len(cells)
    coordinates = read.matrix.tocoo()
    rebuilt = {
        (int(user), int(movie)): (float(score), int(time))
        for user, movie, score, time in zip(
            read.user_ids[coordinates.row],
            read.movie_ids[coordinates.col],
            coordinates.data,
            read.last_interacted_at,
            strict=True,
        )
    }
    assert rebuilt == {key: (float(score), int(time)) for key, (score, time) in cells.items()}
    assert (np.diff(read.matrix.indices)[np.diff(coordinates.row) == 0] > 0).all()


def test_one_interaction_is_enough(scratch):
    _fill(scratch, {(2**64 - 1, 0): (3.5, 5)})
    read = read_interactions(scratch)
    assert read.matrix.toarray().tolist() == [[3.5]]
    assert read.user_ids.tolist() == [2**64 - 1]


def test_an_empty_mart_is_named(scratch):
    with pytest.raises(UserError, match=r"scratch\.mart is empty"):
        read_interactions(scratch)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 0.0, -2.0])
def test_scores_that_nmf_cannot_take_are_counted(scratch, score):
    _fill(scratch, {(1, 1): (2, 1), (1, 2): (score, 1), (2, 1): (score, 1), (3, 1): (1, 1)})
    with pytest.raises(UserError, match=r"2 of 4 scores .* user 1 has the score"):
        read_interactions(scratch)


def test_the_real_mart_is_read_whole_and_says_which_dbt_run_built_it(warehouse):
    read = read_interactions(warehouse)
    counted = warehouse.client.query(
        f"select count(), uniqExact(user_id), uniqExact(movie_id), sum(interaction_score), "
        f"max(toUnixTimestamp64Milli(last_interacted_at)) from {warehouse.mart}"
    ).first_row
    assert (
        read.matrix.nnz,
        read.user_ids.size,
        read.movie_ids.size,
        pytest.approx(float(read.matrix.data.sum(dtype=np.float64))),
        read.last_interacted_at.max(),
    ) == counted
    assert len(read.dbt_invocation_id) == 36
