"""Who interacted with what: the matrix of the training mart, and how it fills from a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.compiled import over_users
from python_jobs.errors import UserError
from python_jobs.interactions.movie_positions import rebuilt
from python_jobs.interactions.stamp import Stamp

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Interactions:
    """Who interacted with what, as a users × movies matrix and the ids of its two axes."""

    matrix: csr_matrix
    """Scores under the first weight that was asked for, float32 CSR with sorted indices, users ×
    movies; every stored value is > 0. :meth:`under` has the others."""
    user_ids: NDArray[np.uint64]
    """User of each row, ascending."""
    movie_ids: NDArray[np.uint64]
    """Movie of each column, ascending."""
    last_interacted_at: NDArray[np.int64]
    """Milliseconds since 1970 (UTC) of each stored value, in the order of ``matrix.data``."""
    scores: Mapping[float | None, NDArray[np.float32]]
    """The stored values under each :attr:`Settings.watched_weight` that was asked for."""
    fingerprints: NDArray[np.uint64]
    """For each user a number that is the same while nothing that the user did has changed. It
    depends on neither the other users nor on which other movies there are."""
    relation: str
    """The mart they were read from, ``database.table``."""
    stamp: Stamp = field(default_factory=Stamp)
    """What the mart says of its build."""

    @property
    def extent(self) -> Extent:
        """How far they go."""
        return Extent(
            users=self.user_ids.size,
            movie_ids=self.movie_ids,
            interactions=self.matrix.nnz,
            last_interacted_at=int(self.last_interacted_at.max()),
            relation=self.relation,
            stamp=self.stamp,
        )

    def under(self, watched_weight: float | None) -> Interactions:
        """Return the same interactions with their scores under another weight that was read."""
        from scipy.sparse import csr_matrix

        cells = (self.scores[watched_weight], self.matrix.indices, self.matrix.indptr)
        matrix = csr_matrix(cells, shape=self.matrix.shape, copy=False)
        matrix.has_sorted_indices = True
        return replace(self, matrix=matrix)


@dataclass(frozen=True)
class Extent:
    """What there is to learn from, without its cells."""

    users: int
    movie_ids: NDArray[np.uint64]
    """All movies, ascending."""
    interactions: int
    last_interacted_at: int
    """Of all of them, milliseconds since 1970 (UTC)."""
    relation: str
    """The mart they were read from, ``database.table``."""
    stamp: Stamp
    """What the mart says of its build."""

    @property
    def shape(self) -> tuple[int, int]:
        """Users × movies."""
        return self.users, self.movie_ids.size


@dataclass
class Columns:
    """The CSR arrays while they fill, in whatever order the cells come."""

    user_ids: NDArray[np.uint64]
    """All users, ascending: the rows."""
    indptr: NDArray[np.int64]
    """Where each row begins, and where the last ends."""
    free: NDArray[np.int64]
    """The next free place of each row."""
    indices: NDArray[np.int32]
    interacted_at: NDArray[np.int64]
    weights: Sequence[float | None]
    scores: NDArray[np.float32]
    """Weights × cells."""
    fingerprints: NDArray[np.uint64]
    mart: str
    """What is read, for messages."""
    bad_scores: int = 0
    bad_example: str = ""

    @classmethod
    def allocate(
        cls,
        user_ids: NDArray[np.uint64],
        counts: NDArray[np.integer],
        weights: Sequence[float | None],
        mart: str,
    ) -> Columns:
        """Allocate everything once, for so many cells of each user, and scores under weights."""
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        cells = int(indptr[-1])
        return cls(
            user_ids=user_ids,
            indptr=indptr,
            free=indptr[:-1].copy(),
            indices=np.empty(cells, np.int32),
            interacted_at=np.empty(cells, np.int64),
            weights=weights,
            scores=np.empty((len(weights), cells), np.float32),
            fingerprints=np.zeros(user_ids.size, np.uint64),
            mart=mart,
        )

    def add(
        self,
        users: NDArray[np.uint64],
        positions: NDArray[np.int32],
        interacted_at: NDArray[np.int64],
        hashes: NDArray[np.uint64],
        *scores: NDArray[np.float32],
    ) -> None:
        """Put cells into their rows.

        Parameters
        ----------
        users, positions, interacted_at
            User id, column and time of each cell.
        hashes
            Each cell's part of its user's fingerprint.
        scores
            One array for each weight.

        Raises
        ------
        UserError
            If the mart had fewer cells of a user.
        """
        from python_jobs.interactions.placing_kernel import place

        values = np.stack(scores)
        self._count_bad(users, values)
        put = place(
            users, positions, interacted_at, hashes, values,
            self.user_ids, self.free, self.indptr[1:],
            self.indices, self.interacted_at, self.scores, self.fingerprints,
        )  # fmt: skip
        if put < users.size:
            raise rebuilt(self.mart)

    def _count_bad(self, users: NDArray[np.uint64], scores: NDArray[np.float32]) -> None:
        # Not a number is the least and the greatest of all.
        if scores.size and scores.min() > 0 and scores.max() < np.inf:
            return
        weights, cells = np.nonzero(~(np.isfinite(scores) & (scores > 0)))
        if cells.size and not self.bad_scores:
            score = scores[weights[0], cells[0]]
            self.bad_example = f"user {users[cells[0]]} has the score {score}"
        self.bad_scores += cells.size

    def finish(self, movie_ids: NDArray[np.uint64]) -> Interactions:
        """Return what has been added, with the ids of the columns.

        Raises
        ------
        UserError
            If cells are missing, or a score is not a positive finite number.
        """
        from scipy.sparse import csr_matrix

        from python_jobs.interactions.placing_kernel import sort_rows

        if not np.array_equal(self.free, self.indptr[1:]):
            raise rebuilt(self.mart)
        if self.bad_scores:
            raise UserError(
                f"{self.bad_scores:,} of {self.scores.size:,} scores in {self.mart} are "
                f"not positive finite numbers: {self.bad_example}, for example.",
                "NMF takes positive scores only. Mend the model (or its weights) and run "
                "`dbt build`; nothing was trained.",
            )
        over_users(
            lambda rows: sort_rows(
                rows.start, rows.stop, self.indptr, self.indices, self.interacted_at, self.scores
            ),
            self.user_ids.size,
        )
        scores = dict(zip(self.weights, self.scores, strict=True))
        shape = (self.user_ids.size, movie_ids.size)
        matrix = csr_matrix((self.scores[0], self.indices, self.indptr), shape=shape, copy=False)
        matrix.has_sorted_indices = True
        return Interactions(
            matrix=matrix,
            user_ids=self.user_ids,
            movie_ids=movie_ids,
            last_interacted_at=self.interacted_at,
            scores=scores,
            fingerprints=self.fingerprints,
            relation=self.mart,
        )
