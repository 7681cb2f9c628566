"""Who interacted with what: the matrix of the training mart, and how it fills from a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
    """The CSR arrays while they fill."""

    indices: NDArray[np.int32]
    interacted_at: NDArray[np.int64]
    scores: dict[float | None, NDArray[np.float32]]
    filled: int
    user_ids: list[NDArray[np.uint64]]
    row_starts: list[NDArray[np.int64]]
    fingerprints: list[NDArray[np.uint64]]
    bad_scores: int
    bad_example: str

    @classmethod
    def allocate(cls, cells: int, weights: Sequence[float | None]) -> Columns:
        """Allocate everything once, at the size that the mart counted, for scores under weights."""
        return cls(
            indices=np.empty(cells, np.int32),
            interacted_at=np.empty(cells, np.int64),
            scores={weight: np.empty(cells, np.float32) for weight in weights},
            filled=0,
            user_ids=[],
            row_starts=[],
            fingerprints=[],
            bad_scores=0,
            bad_example="",
        )

    def append(
        self,
        users: NDArray[np.uint64],
        positions: NDArray[np.int32],
        interacted_at: NDArray[np.int64],
        hashes: NDArray[np.uint64],
        *scores: NDArray[np.float32],
    ) -> None:
        """Append cells in the order of users and movies.

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
            If they are more than the mart had.
        """
        end = self.filled + users.size
        if end > self.indices.size:
            raise rebuilt("that python_jobs reads")
        cells = slice(self.filled, end)
        self.indices[cells] = positions
        self.interacted_at[cells] = interacted_at
        for column, block in zip(self.scores.values(), scores, strict=True):
            self._count_bad(users, block)
            column[cells] = block
        self._append_users(users, hashes)
        self.filled = end

    def _append_users(self, users: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> None:
        starts = np.concatenate(([0], np.flatnonzero(users[1:] != users[:-1]) + 1))
        fingerprints = np.add.reduceat(hashes, starts)
        if self.user_ids and self.user_ids[-1][-1] == users[0]:
            # The block before ended in the middle of this user.
            self.fingerprints[-1][-1:] += fingerprints[:1]
            starts, fingerprints = starts[1:], fingerprints[1:]
        if starts.size:
            self.user_ids.append(users[starts].astype(np.uint64))
            self.row_starts.append(starts.astype(np.int64) + self.filled)
            self.fingerprints.append(fingerprints)

    def _count_bad(self, users: NDArray[np.uint64], scores: NDArray[np.float32]) -> None:
        bad = np.flatnonzero(~(np.isfinite(scores) & (scores > 0)))
        if bad.size and not self.bad_scores:
            self.bad_example = f"user {users[bad[0]]} has the score {scores[bad[0]]}"
        self.bad_scores += bad.size

    def finish(self, movie_ids: NDArray[np.uint64], mart: str) -> Interactions:
        """Return what has been appended, with the ids of the columns.

        Raises
        ------
        UserError
            If cells are missing, or a score is not a positive finite number.
        """
        from scipy.sparse import csr_matrix

        if self.filled != self.indices.size:
            raise rebuilt(mart)
        if self.bad_scores:
            raise UserError(
                f"{self.bad_scores:,} of {self.filled * len(self.scores):,} scores in {mart} are "
                f"not positive finite numbers: {self.bad_example}, for example.",
                "NMF takes positive scores only. Mend the model (or its weights) and run "
                "`dbt build`; nothing was trained.",
            )
        user_ids = np.concatenate(self.user_ids)
        indptr = np.concatenate([*self.row_starts, [self.filled]]).astype(np.int64)
        shape = (user_ids.size, movie_ids.size)
        first = next(iter(self.scores.values()))
        matrix = csr_matrix((first, self.indices, indptr), shape=shape, copy=False)
        matrix.has_sorted_indices = True
        return Interactions(
            matrix=matrix,
            user_ids=user_ids,
            movie_ids=movie_ids,
            last_interacted_at=self.interacted_at,
            scores=self.scores,
            fingerprints=np.concatenate(self.fingerprints),
            relation=mart,
        )
