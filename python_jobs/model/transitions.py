"""Transitions, X → Y ≈ X P Q: what comes next, learned from everything that came before it.

A user's movies in the order of time are i_1 … i_m, with strengths s, see
:mod:`python_jobs.model.pasts`. Each cut j between two of them has a past and what came next::

    x_j = Σ_{l<j} s_l · κ(j-1-l) · e(i_l),   κ(a) = exp(-a / memory) + long_share · exp(-a / long)
    y_j = Σ_{l≥j} s_l · exp(-(l-j) / horizon) · e(i_l)

and P (movies × k) and Q (k × movies), both non-negative, minimise::

    Σ_j |y_j - x_j P Q|² + λ · |P Q|²

over all cuts of all users. A user's row of W is the last past, times P: a sparse product, so that
new and changed users need no solver, and users of the fit none either.

Direction is what this adds to NMF, which does not know what came first. The idea of a directed
model of items is that of Choi et al., "Session-aware linear item-item models for session-based
recommendation" (SLIST, 2021); a low-rank one with non-negative factors, fitted without its movies
× movies matrices, is this project's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.pasts import Histories
from python_jobs.model.settings import Settings
from python_jobs.model.warm_start import Start
from python_jobs.threads import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TINY = np.float32(1e-9)
"""Kept out of denominators; far below any sum of real histories."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Transitions:
    """What was fitted."""

    P: Floats
    """What a movie says of a past that holds it, movies × k, non-negative."""
    Q: Floats
    """What comes next, k × movies, non-negative."""
    losses: tuple[float, ...]
    """The loss before each iteration, as a share of |Y|²; it never rises."""


def fit_transitions(
    matrix: csr_matrix,
    timestamps: NDArray[np.int64],
    settings: Settings,
    on_iteration: Callable[[], None] | None = None,
    start: Start | None = None,
) -> Transitions:
    """Fit P and Q by multiplicative updates, one model for each seed, and stack them.

    Parameters
    ----------
    matrix, timestamps
        As for :func:`python_jobs.model.pasts.strengths_of`.
    settings
        The ``transition_…`` settings and ``random_state``. λ is ``transition_shrinkage`` times
        |X|², so that it means the same for any number of interactions and any memory.
    on_iteration
        Called after each iteration of each seed.
    start
        Where to go on from; None for random numbers.

    Returns
    -------
    Transitions
        The mean of ``transition_seeds`` models, stacked: ``P = [P_1 / n, …]``, ``Q = [Q_1; …]``.
        The losses are those of the first. With the same settings and data it has the same bits for
        any number of threads.

    Notes
    -----
    Updates are Lee and Seung's ("Algorithms for non-negative matrix factorization", 2001), which
    never raise the loss. An iteration takes O(interactions · k + movies · k²) operations, and
    memory O(interactions + movies · k).
    """
    histories = Histories.of(matrix, timestamps, settings)
    rank = max(1, min(settings.transition_rank, matrix.shape[1] - 1))
    fitted = []
    # Numbers that are too large are refused where the model is whole.
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for seed in range(settings.transition_seeds):
            if start is None:
                random = np.random.default_rng(settings.random_state + seed)
                P, Q = (random.random((matrix.shape[1], rank), np.float32) for _ in range(2))
            else:
                P, Q = start.transitions(seed, settings.transition_seeds)
            losses = []
            for _ in range(settings.transition_iterations):
                losses.append(_iterate(histories, P, Q))
                if on_iteration:
                    on_iteration()
            fitted.append((P, Q, tuple(losses)))
    return Transitions(
        P=np.hstack([P for P, _, _ in fitted]) / np.float32(len(fitted)),
        Q=np.ascontiguousarray(np.hstack([Q for _, Q, _ in fitted]).T),
        losses=fitted[0][2],
    )


def _iterate(histories: Histories, P: Floats, Q: Floats) -> float:
    """Improve P and Q, both movies × k, in place; return the loss before, as a share of |Y|²."""
    ridge = np.float32(histories.ridge)
    reached, gram = sums_of_pasts(histories, P)
    gram += ridge * P
    quadratic = P.T @ gram
    loss = histories.nexts - 2 * np.vdot(reached, Q) + np.vdot(quadratic, Q.T @ Q)
    # The sums hold for any Q, so that a second step costs next to nothing.
    for _ in range(2):
        Q *= reached / (Q @ quadratic + TINY)
    left = sums_of_nexts(histories, Q)
    P *= left / (gram @ (Q.T @ Q) + TINY)
    # The same product, with both sides of each feature equally large.
    norms = (np.linalg.norm(side, axis=0) + TINY for side in (P, Q))
    ratio = np.sqrt(next(norms) / next(norms))
    P /= ratio
    Q *= ratio
    return float(loss / histories.nexts) if histories.nexts else 0.0


def sums_of_pasts(histories: Histories, P: Floats) -> tuple[Floats, Floats]:
    """Return Y'XP and X'XP, movies × k."""
    from python_jobs.model.transitions_kernel import sum_pasts

    longest = int(np.diff(histories.starts).max(initial=1))
    fast, slow, slow_share, ahead = map(np.float32, histories.decays)

    def part(starts: NDArray[np.int64]) -> tuple[Floats, ...]:
        reached, gram = np.zeros_like(P), np.zeros_like(P)
        states = np.empty((longest, P.shape[1]), np.float32)
        sum_pasts(
            starts, histories.movies, histories.strengths, P,
            fast, slow, slow_share, ahead, reached, gram, states,
        )  # fmt: skip
        return reached, gram

    reached, gram = _added_up(histories, part)
    return reached, gram


def sums_of_nexts(histories: Histories, Q: Floats) -> Floats:
    """Return X'YQ, movies × k."""
    from python_jobs.model.transitions_kernel import sum_nexts

    fast, slow, slow_share, ahead = map(np.float32, histories.decays)

    def part(starts: NDArray[np.int64]) -> tuple[Floats, ...]:
        left = np.zeros_like(Q)
        sum_nexts(
            starts, histories.movies, histories.strengths, Q, fast, slow, slow_share, ahead, left
        )
        return (left,)

    return _added_up(histories, part)[0]


def _added_up(
    histories: Histories, part: Callable[[NDArray[np.int64]], tuple[Floats, ...]]
) -> tuple[Floats, ...]:
    """Make the sums of every part on its own, on all cores, and add them up in order."""
    from python_jobs.compiled import side_by_side

    bounds = histories.parts
    starts = [histories.starts[a : z + 1] for a, z in pairwise(bounds)]
    totals: tuple[Floats, ...] = ()
    for sums in side_by_side(part, starts):
        if not totals:
            totals = sums
        else:
            for total, addend in zip(totals, sums, strict=True):
                total += addend
    return totals
