"""Splits of the interactions into a part to learn from and a part to be judged on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.model.settings import Settings

Protocol = Literal["temporal", "random"]

TEMPORAL_FRACTION = 0.2
"""Share of a user's interactions that the temporal protocol holds out."""
RANDOM_FRACTION = 0.25
"""Share of a user's interactions that the random protocol holds out."""
USERS_PER_SPAN = 4_096
"""Users that are split at a time, by one thread."""
MIN_INTERACTIONS = 5
"""Users with fewer interactions are not held out by the temporal protocol."""
NO_TIMES = np.empty(0, np.int64)
"""What a fit is given that does not look at times."""


class TooFewInteractionsError(UserError):
    """No user has enough interactions to hold any out."""


@dataclass(frozen=True)
class Holdout:
    """One split: both parts have the shape of the whole, so that indices mean the same in each."""

    train: csr_matrix
    """What may be learned from, float32 CSR, users × movies, sorted indices."""
    test: csr_matrix
    """What was held out, the same."""
    timestamps: NDArray[np.int64]
    """Last interaction of each stored cell of the whole, in its order."""
    protocol: Protocol
    """How the split was made."""

    @cached_property
    def train_timestamps(self) -> NDArray[np.int64]:
        """Last interaction of each stored cell of ``train``, in the order of ``train.data``.

        So that the training part can be split again; few fits look at it, and it is not small.
        """
        from python_jobs.compiled import over_users
        from python_jobs.evaluation.holdout_kernel import keep_times

        train, test = self.train, self.test
        times = np.empty(train.nnz, np.int64)
        starts, test_starts = (part.indptr.astype(np.int64, copy=False) for part in (train, test))

        def keep(users: slice) -> None:
            rows = slice(users.start, users.stop + 1)
            keep_times(
                starts[rows], test_starts[rows], train.indices, test.indices, self.timestamps, times
            )

        over_users(keep, train.shape[0])
        return times

    def times_for(self, settings: Settings) -> NDArray[np.int64]:
        """Return the same for a fit on ``train``; nothing where the settings do not look at it."""
        return self.train_timestamps if settings.use_times else NO_TIMES


def hold_out(
    matrix: csr_matrix,
    timestamps: NDArray[np.int64],
    protocol: Protocol = "temporal",
    *,
    fraction: float | None = None,
    seed: int = 42,
) -> Holdout:
    """Hold out some interactions of each user.

    Of a user with n interactions, ``ceil(fraction × n)`` are held out: rounded up, so at least one.

    - ``temporal``: the most recent ones; of two at the same time, the one with the higher movie
      index (and so movie id) counts as the later. Users with fewer than five interactions are not
      held out: all that they did is in the training part.
    - ``random``: drawn without replacement, seeded. Users with one interaction are not held out.

    Parameters
    ----------
    matrix
        Scores, CSR with sorted indices, users × movies.
    timestamps
        Last interaction of each stored cell, in the order of ``matrix.data``, in any unit.
    protocol
        Which interactions are held out.
    fraction
        Share to hold out, above 0 and below 1; by default 0.2 (temporal) or 0.25 (random).
    seed
        Seed of the random protocol.

    Raises
    ------
    TooFewInteractionsError
        If no user has enough interactions to hold any out.
    """
    if protocol == "temporal":
        keys: NDArray[np.int64] | NDArray[np.float32] = timestamps
        share = TEMPORAL_FRACTION if fraction is None else fraction
        at_least = MIN_INTERACTIONS
    else:
        keys = np.random.default_rng(seed).random(matrix.nnz, dtype=np.float32)
        share = RANDOM_FRACTION if fraction is None else fraction
        at_least = 2
    if not 0.0 < share < 1.0:
        raise ValueError(f"The fraction to hold out must be between 0 and 1, not {share}.")
    held_out = _counts(np.diff(matrix.indptr), share, at_least)
    if not held_out.any():
        raise TooFewInteractionsError(
            f"No user has the {at_least} interactions that the {protocol} holdout needs.",
            "Load more interactions, or train with --no-evaluate.",
        )
    return _split(matrix, timestamps, keys, held_out, protocol)


def hold_out_of_some(matrix: csr_matrix, timestamps: NDArray[np.int64]) -> Holdout:
    """Split some of the users as the temporal protocol does; it may hold out nothing of them.

    Each user is split as :func:`hold_out` splits the user among all others.
    """
    interactions = np.diff(matrix.indptr)
    held_out = _counts(interactions, TEMPORAL_FRACTION, MIN_INTERACTIONS)
    return _split(matrix, timestamps, timestamps, held_out, "temporal")


def _counts(interactions: NDArray[np.integer], share: float, at_least: int) -> NDArray[np.int64]:
    """Return how many interactions of each user are held out."""
    # Rounded first: 0.2 × 35 is 7.000000000000001 in floating point, and its ceiling 8.
    held_out = np.ceil(np.round(share * interactions, 9)).astype(np.int64)
    held_out[interactions < at_least] = 0
    return held_out


def _split(
    matrix: csr_matrix,
    timestamps: NDArray[np.int64],
    keys: NDArray[np.int64] | NDArray[np.float32],
    held_out: NDArray[np.int64],
    protocol: Protocol,
) -> Holdout:
    """Hold out of each user so many interactions with the greatest keys, of equal ones the last."""
    from python_jobs.compiled import READ_ONLY, side_by_side
    from python_jobs.evaluation.holdout_kernel import split_users

    # Numbers from 0: their bits are in the order of the numbers.
    whole = keys.view(np.int32) if keys.dtype == np.float32 else keys
    indptr, ordered = (np.require(each, np.int64, READ_ONLY) for each in (matrix.indptr, whole))
    indices = np.require(matrix.indices, np.int32, READ_ONLY)
    data = np.require(matrix.data, np.float32, READ_ONLY)
    test_indptr = np.append(0, np.cumsum(held_out))
    train_indptr = indptr - test_indptr
    train, train_indices = (np.empty(train_indptr[-1], of) for of in (np.float32, np.int32))
    test, test_indices = (np.empty(test_indptr[-1], of) for of in (np.float32, np.int32))

    def split(users: slice) -> None:
        rows = slice(users.start, users.stop + 1)
        split_users(
            indptr[rows],
            train_indptr[rows],
            test_indptr[rows],
            ordered,
            held_out[users],
            indices,
            data,
            train_indices,
            train,
            test_indices,
            test,
        )

    users = matrix.shape[0]
    ends = [*range(0, users, USERS_PER_SPAN), users]
    for _ in side_by_side(split, [slice(*span) for span in pairwise(ends)]):
        pass
    return Holdout(
        train=_part(train, train_indices, train_indptr, matrix),
        test=_part(test, test_indices, test_indptr, matrix),
        timestamps=np.require(timestamps, np.int64, READ_ONLY),
        protocol=protocol,
    )


def _part(
    data: NDArray[np.float32],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int64],
    whole: csr_matrix,
) -> csr_matrix:
    from scipy.sparse import csr_matrix

    # In as many bits as the whole has, or SciPy would look how many are needed.
    starts = indptr.astype(whole.indptr.dtype)
    part = csr_matrix((data, indices, starts), shape=whole.shape)
    part.has_sorted_indices = True
    return part
