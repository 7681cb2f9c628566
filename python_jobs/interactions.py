"""The training mart as a sparse matrix, streamed: never pivoted, never dense."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError
from python_jobs.movie_positions import MoviePositions, rebuilt
from python_jobs.progress import NO_BAR, Bar

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.relation import Relation
    from python_jobs.warehouse import Warehouse


CELLS_PER_BLOCK = 1 << 18
"""Rows of the mart that ClickHouse hands over at a time. By default it is an eighth of that, and
twenty million take twice as long."""


@dataclass(frozen=True)
class Interactions:
    """Who interacted with what, as a users × movies matrix and the ids of its two axes."""

    matrix: csr_matrix
    """Scores, float32 CSR with sorted indices, users × movies; every stored value is > 0."""
    user_ids: NDArray[np.uint64]
    """User of each row, ascending."""
    movie_ids: NDArray[np.uint64]
    """Movie of each column, ascending."""
    last_interacted_at: NDArray[np.int64]
    """Milliseconds since 1970 (UTC) of each stored value, in the order of ``matrix.data``."""
    relation: str
    """The mart they were read from, ``database.table``."""
    dbt_invocation_id: str
    """The dbt invocation that built the mart; empty where the mart does not say."""


def read_interactions(
    warehouse: Warehouse, watched_weight: float | None = None, bar: Bar = NO_BAR
) -> Interactions:
    """Read the mart into CSR, in blocks, with narrow types.

    The stream is ordered as the mart is sorted, by user and movie, so that rows follow each other
    and ids become indices without sorting the cells.

    Parameters
    ----------
    warehouse
        An open warehouse.
    watched_weight
        What having watched counts beside the rating; None takes the mart's own score.
    bar
        Advanced by the interactions that have been read.

    Raises
    ------
    UserError
        If the mart is missing, empty, was rebuilt in the middle of the read, or holds a score that
        is not a positive finite number.
    """
    mart = warehouse.mart
    movie_ids, cells = _movies_of(warehouse, mart)
    columns, positions = _Columns.allocate(cells), MoviePositions.of(movie_ids)
    bar.expect(cells)
    query = (
        f"select user_id, movie_id, {score_expression(watched_weight)}, "
        f"toUnixTimestamp64Milli(last_interacted_at) from {mart} order by user_id, movie_id"
    )
    settings = {"max_block_size": CELLS_PER_BLOCK, "preferred_block_size_bytes": 0}
    with warehouse.client.query_column_block_stream(query, settings=settings) as blocks:
        for block in blocks:
            users, movies, scores, interacted_at = map(np.asarray, block)
            columns.append(users, positions.find(movies, str(mart)), scores, interacted_at)
            bar.advance(users.size)
    return columns.finish(movie_ids, str(mart), _dbt_invocation_id(warehouse, mart))


def score_expression(watched_weight: float | None) -> str:
    """Return the SQL of an interaction's score under :attr:`Settings.watched_weight`."""
    if watched_weight is None:
        return "interaction_score"
    return f"toFloat32(ifNull(rating, 0) + {watched_weight!r} * (watch_count > 0))"


def _movies_of(warehouse: Warehouse, mart: Relation) -> tuple[NDArray[np.uint64], int]:
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


def _dbt_invocation_id(warehouse: Warehouse, mart: Relation) -> str:
    """Return the invocation that the mart's table comment names (see macros/stamp_invocation)."""
    comment = warehouse.client.command(
        "select comment from system.tables where database = {database:String} "
        "and name = {table:String}",
        parameters={"database": mart.database, "table": mart.table},
    )
    try:
        return str(json.loads(str(comment))["dbt_invocation_id"])
    except (ValueError, KeyError, TypeError):
        return ""


@dataclass
class _Columns:
    """The CSR arrays while they fill; allocated once, at the size that the mart counted."""

    indices: NDArray[np.int32]
    data: NDArray[np.float32]
    interacted_at: NDArray[np.int64]
    filled: int
    user_ids: list[NDArray[np.uint64]]
    row_starts: list[NDArray[np.int64]]
    bad_scores: int
    bad_example: str

    @classmethod
    def allocate(cls, cells: int) -> _Columns:
        return cls(
            indices=np.empty(cells, np.int32),
            data=np.empty(cells, np.float32),
            interacted_at=np.empty(cells, np.int64),
            filled=0,
            user_ids=[],
            row_starts=[],
            bad_scores=0,
            bad_example="",
        )

    def append(
        self,
        users: NDArray[np.uint64],
        positions: NDArray[np.int32],
        scores: NDArray[np.float32],
        interacted_at: NDArray[np.int64],
    ) -> None:
        end = self.filled + users.size
        if end > self.data.size:
            raise rebuilt("that python_jobs reads")
        self._count_bad(users, scores)
        self.indices[self.filled : end] = positions
        self.data[self.filled : end] = scores
        self.interacted_at[self.filled : end] = interacted_at
        starts = np.flatnonzero(users[1:] != users[:-1]) + 1
        if not self.user_ids or self.user_ids[-1][-1] != users[0]:
            starts = np.concatenate(([0], starts))
        if starts.size:
            self.user_ids.append(users[starts].astype(np.uint64))
            self.row_starts.append(starts.astype(np.int64) + self.filled)
        self.filled = end

    def _count_bad(self, users: NDArray[np.uint64], scores: NDArray[np.float32]) -> None:
        bad = np.flatnonzero(~(np.isfinite(scores) & (scores > 0)))
        if bad.size and not self.bad_scores:
            self.bad_example = f"user {users[bad[0]]} has the score {scores[bad[0]]}"
        self.bad_scores += bad.size

    def finish(
        self, movie_ids: NDArray[np.uint64], mart: str, dbt_invocation_id: str
    ) -> Interactions:
        from scipy.sparse import csr_matrix

        if self.filled != self.data.size:
            raise rebuilt(mart)
        if self.bad_scores:
            raise UserError(
                f"{self.bad_scores:,} of {self.filled:,} scores in {mart} are not positive finite "
                f"numbers: {self.bad_example}, for example.",
                "NMF takes positive scores only. Mend the model (or its weights) and run "
                "`dbt build`; nothing was trained.",
            )
        user_ids = np.concatenate(self.user_ids)
        indptr = np.concatenate([*self.row_starts, [self.filled]]).astype(np.int64)
        shape = (user_ids.size, movie_ids.size)
        matrix = csr_matrix((self.data, self.indices, indptr), shape=shape, copy=False)
        matrix.has_sorted_indices = True
        return Interactions(
            matrix, user_ids, movie_ids, self.interacted_at, mart, dbt_invocation_id
        )
