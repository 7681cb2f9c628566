"""The training mart as a sparse matrix, streamed: never pivoted, never dense."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError
from python_jobs.interactions.columns import Columns, Interactions
from python_jobs.interactions.movie_positions import MoviePositions, rebuilt
from python_jobs.interactions.stamp import read_stamp
from python_jobs.progress import NO_BAR, Bar

if TYPE_CHECKING:
    from python_jobs.warehouse.connection import Warehouse


CELLS_PER_BLOCK = 1 << 18
"""Rows of the mart that ClickHouse hands over at a time. By default it is an eighth of that, and
twenty million take twice as long."""
FINGERPRINT = (
    "cityHash64(movie_id, ifNull(rating, -1), watch_count > 0, interaction_score, "
    "last_interacted_at)"
)
"""SQL of a cell's part of its user's fingerprint: all that a cell can count in a fit under any
settings, the time included, because ``recency`` weighs by it. No part is null, which would make the
whole null."""


def read_interactions(
    warehouse: Warehouse, weights: Sequence[float | None] = (None,), bar: Bar = NO_BAR
) -> Interactions:
    """Read the mart into CSR, in blocks, with narrow types.

    Everything that depends on the cells comes from one query, which reads one version of the mart:
    scores under several weights, and fingerprints, are of the same data.

    The cells come as the parts of the table have them, which is four times as fast as in one order;
    how many each user has is counted before, so that each is put into its row as it comes.

    Parameters
    ----------
    warehouse
        An open warehouse.
    weights
        What having watched may count beside the rating, at least one value, the first for
        ``matrix``; None takes the mart's own score. Each takes four bytes for an interaction, the
        same one once.
    bar
        Advanced by the interactions that have been read.

    Raises
    ------
    UserError
        If the mart is missing, empty, of other raw tables than the project names now, was rebuilt
        in the middle of the read, or holds a score that is not a positive finite number.
    """
    read_stamp(warehouse, warehouse.mart)
    movie_ids, cells = movies_of(warehouse)
    bar.expect(cells)
    return _read(warehouse, movie_ids, cells, weights, bar=bar)


def read_range(
    warehouse: Warehouse,
    movie_ids: NDArray[np.uint64],
    users: tuple[int, int],
    cells: int,
    weights: Sequence[float | None] = (None,),
) -> Interactions:
    """Read the users of a range of ids as :func:`read_interactions` reads all of them.

    Parameters
    ----------
    warehouse
        An open warehouse.
    movie_ids
        All movies of the mart, ascending: the columns.
    users
        The first and the last id of the range. The mart is sorted by user, so that only their rows
        are read.
    cells
        How many rows of the mart are theirs, at least 1.
    weights
        As for :func:`read_interactions`.

    Raises
    ------
    UserError
        As :func:`read_interactions` does; also if the range has other movies, or another number of
        rows.
    """
    return _read(warehouse, movie_ids, cells, weights, users)


def _read(
    warehouse: Warehouse,
    movie_ids: NDArray[np.uint64],
    cells: int,
    weights: Sequence[float | None],
    users: tuple[int, int] | None = None,
    bar: Bar = NO_BAR,
) -> Interactions:
    mart = warehouse.mart
    weights = tuple(dict.fromkeys(weights))
    where = "where user_id between {first:UInt64} and {last:UInt64}" if users else ""
    parameters = {"first": users[0], "last": users[1]} if users else None
    counted = warehouse.client.query(
        f"select user_id, count() from {mart} {where} group by user_id order by user_id",
        parameters=parameters,
        column_oriented=True,
    )
    user_ids, counts = map(np.asarray, counted.result_set or ([], []))
    if counts.sum() != cells:
        raise rebuilt(str(mart))
    positions = MoviePositions.of(movie_ids)
    columns = Columns.allocate(user_ids.astype(np.uint64), counts, weights, str(mart))
    query = f"select {_cells(weights)} from {mart} {where}"
    settings = {"max_block_size": CELLS_PER_BLOCK, "preferred_block_size_bytes": 0}
    stream = warehouse.client.query_column_block_stream(
        query, parameters=parameters, settings=settings
    )
    with stream as blocks:
        for block in blocks:
            ids, movies, *values = map(np.asarray, block)
            columns.add(ids, positions.find(movies, str(mart)), *values)
            bar.advance(ids.size)
    return replace(columns.finish(movie_ids), stamp=read_stamp(warehouse, mart))


def read_history(
    warehouse: Warehouse, user_id: int, watched_weight: float | None = None
) -> Interactions | None:
    """Read what one user has done by now as :func:`read_interactions` would; None if it is nothing.

    The movies are the user's own, and the mart's dbt invocation is not looked up.

    Raises
    ------
    UserError
        If the mart is missing, or holds a score that is not a positive finite number.
    """
    mart = warehouse.mart
    result = warehouse.client.query(
        f"select {_cells([watched_weight])} from {mart} "
        "where user_id = {user:UInt64} order by movie_id",
        parameters={"user": user_id},
        column_oriented=True,
    )
    if not result.result_set:
        return None
    users, movies, interacted_at, hashes, scores = result.result_set
    movie_ids = np.array(movies, np.uint64)
    columns = Columns.allocate(
        np.array([user_id], np.uint64), np.array([movie_ids.size]), [watched_weight], str(mart)
    )
    columns.add(
        np.array(users, np.uint64),
        np.arange(movie_ids.size, dtype=np.int32),
        np.array(interacted_at, np.int64),
        np.array(hashes, np.uint64),
        np.array(scores, np.float32),
    )
    return columns.finish(movie_ids)


def _cells(weights: Iterable[float | None]) -> str:
    """Return the SQL of what is read of a cell, scores under each weight last."""
    scores = ", ".join(map(_score, weights))
    return f"user_id, movie_id, toUnixTimestamp64Milli(last_interacted_at), {FINGERPRINT}, {scores}"


def _score(watched_weight: float | None) -> str:
    """Return the SQL of an interaction's score under :attr:`Settings.watched_weight`."""
    if watched_weight is None:
        return "interaction_score"
    return f"toFloat32(ifNull(rating, 0) + {watched_weight!r} * (watch_count > 0))"


def movies_of(warehouse: Warehouse) -> tuple[NDArray[np.uint64], int]:
    """Return the movies of the mart, ascending, and how many rows it has.

    Raises
    ------
    UserError
        If it is empty.
    """
    mart = warehouse.mart
    query = f"select movie_id, count() from {mart} group by movie_id order by movie_id"
    result = warehouse.client.query(query, column_oriented=True)
    if not result.result_set:
        raise UserError(
            f"The training mart {mart} is empty: there is nothing to learn from.",
            "Load ratings or watch events, then run `dbt build`; its warnings count the rows "
            "that were left out.",
        )
    movie_ids, counts = result.result_set
    return np.asarray(movie_ids, dtype=np.uint64), int(np.sum(counts))
