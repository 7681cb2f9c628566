from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError
from python_jobs.interactions.mart import read_history, read_interactions
from python_jobs.jobs.tune import read_to_try
from python_jobs.model.settings import Settings
from python_jobs.warehouse.connection import Warehouse

COLUMNS = ["user_id", "movie_id", "interaction_score", "milliseconds"]
CREATE = """
create or replace table scratch.mart (
    user_id UInt64,
    movie_id UInt64,
    interaction_score Float32,
    rating Nullable(Float32),
    watch_count UInt32,
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
    assert len(read.stamp.dbt_invocation_id) == 36


def test_several_weights_are_read_in_one_query(scratch):
    """Rated 4; rated 2.5 and watched; watched twice."""
    scratch.client.command(
        "insert into scratch.mart (user_id, movie_id, interaction_score, rating, watch_count) "
        "values (1, 1, 4, 4, 0), (1, 2, 3.5, 2.5, 1), (2, 1, 1, null, 2)"
    )
    read = read_interactions(scratch, [2.0, None, 2.0, 0.5])
    assert list(read.scores) == [2.0, None, 0.5]
    assert read.matrix.toarray().tolist() == [[4, 4.5], [2, 0]]
    assert read.under(None).matrix.toarray().tolist() == [[4, 3.5], [1, 0]]
    other = read.under(0.5)
    assert other.matrix.toarray().tolist() == [[4, 3], [0.5, 0]]
    assert np.shares_memory(other.matrix.indices, read.matrix.indices)
    with pytest.raises(KeyError):
        read.under(4.0)


def test_tune_reads_once_whatever_it_tries(scratch, monkeypatch):
    """Only a mart with both kinds of interactions has other weights to try."""
    streams = []
    stream = scratch.client.query_column_block_stream

    def counted(query, **kwargs):
        streams.append(query)
        return stream(query, **kwargs)

    monkeypatch.setattr(scratch.client, "query_column_block_stream", counted)
    scratch.client.command(
        "insert into scratch.mart (user_id, movie_id, interaction_score, rating, watch_count) "
        "values (1, 1, 4, 4, 0), (1, 2, 3.5, 2.5, 0)"
    )
    assert list(read_to_try(scratch, Settings(watched_weight=3.0))) == [3.0]
    scratch.client.command(
        "insert into scratch.mart (user_id, movie_id, interaction_score, watch_count) "
        "values (2, 1, 1, 2)"
    )
    read = read_to_try(scratch, Settings(watched_weight=3.0))
    assert len(streams) == 2
    assert {weight: of.matrix[1, 0] for weight, of in read.items()} == {
        3.0: 3,
        None: 1,
        0.5: 0.5,
        2.0: 2,
        4.0: 4,
    }


CELL = {"movie_id": 2, "interaction_score": 3, "rating": "null", "watch_count": 1}
CELL |= {"milliseconds": 7}


def _fingerprints(scratch, cell):
    """Return those of two users; the first has done something else besides the given cell."""
    scratch.client.command("truncate table scratch.mart")
    scratch.client.command(
        f"insert into scratch.mart (user_id, {', '.join(cell)}) values "
        f"(1, {', '.join(map(str, cell.values()))}), (1, 1, 3, 3, 0, 5), (2, 1, 3, 3, 0, 5)"
    )
    return read_interactions(scratch).fingerprints


@pytest.mark.parametrize(
    "change",
    [
        {"movie_id": 3},
        {"interaction_score": 3.5},
        {"rating": 3},
        {"watch_count": 0},
        {"milliseconds": 8},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_a_fit_can_count_changes_the_fingerprint_of_its_user_alone(scratch, change):
    """The time too, of a movie seen again: `recency` weighs by it."""
    before, after = _fingerprints(scratch, CELL), _fingerprints(scratch, CELL | change)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_what_no_fit_counts_does_not(scratch):
    before, after = _fingerprints(scratch, CELL), _fingerprints(scratch, CELL | {"watch_count": 9})
    assert after.tolist() == before.tolist()


def test_a_user_alone_is_read_as_among_the_others(scratch):
    """Their cells do not fit into one block of the stream."""
    scratch.client.command(
        "insert into scratch.mart "
        "(user_id, movie_id, interaction_score, rating, watch_count, milliseconds) "
        "select intDiv(number, 120000), 7 * number % 840007, 1 + number % 9, null, 1, number * 5 "
        "from numbers(600000)"
    )
    read = read_interactions(scratch)
    assert read.user_ids.tolist() == [0, 1, 2, 3, 4]
    for row, user in enumerate(read.user_ids.tolist()):
        alone = read_history(scratch, user)
        assert alone is not None
        cells = slice(*read.matrix.indptr[row : row + 2])
        assert alone.user_ids.tolist() == [user]
        assert alone.fingerprints[0] == read.fingerprints[row]
        assert (alone.movie_ids == read.movie_ids[read.matrix.indices[cells]]).all()
        assert (alone.matrix.data == read.matrix.data[cells]).all()
        assert (alone.last_interacted_at == read.last_interacted_at[cells]).all()
    assert read_history(scratch, 5) is None
