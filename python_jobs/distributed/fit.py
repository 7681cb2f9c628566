"""The fit, as its driver sees it: tasks for each partition, and sums of what they return.

Everything is a task whose result is not changed afterwards, so that what a dead worker held is
computed anew from what it came from, with the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from python_jobs.distributed.cluster import Cluster, Handle, summed
from python_jobs.distributed.fit_tasks import (
    Size,
    Start,
    errors_of,
    mean_pieces,
    movies_started,
    movies_step,
    part_sums,
    prepared,
    stacked,
    started,
    users_step,
    violation_of,
)
from python_jobs.distributed.start import mean_of, scale_of, states_of
from python_jobs.model.descent import TOLERANCE
from python_jobs.model.settings import Settings, choose_rank
from python_jobs.model.sklearn_nmf import as_fitted, as_one_model, new_model

if TYPE_CHECKING:
    from collections.abc import Iterator

SPREAD_EVERY = 10
"""Iterations after which everything is held twice: a dead worker's are replayed since then."""


@dataclass(frozen=True)
class Fitted:
    """A model whose user factors are on the workers."""

    W: list[Handle]
    """Each partition's user factors, users × k, stacked and scaled back."""
    H: NDArray[np.float32]
    """Movie factors, k × movies."""
    model: Any
    """As of :class:`python_jobs.model.factorization.Factorization`."""
    iterations: int
    converged: bool


@dataclass(frozen=True)
class Place:
    """Where a member's fit is: enough to go on from."""

    iteration: int
    first_violation: float
    W: list[Handle]
    Ht: Handle
    """What each partition's users and the movies are: ``Moved``."""
    done: bool
    """Whether the fit ends here."""


class Keeper(Protocol):
    """Where a fit is kept while it goes on, so that another one can go on from there."""

    def last(self, member: int) -> Place | None:
        """Return where a member's fit was when it was last kept; None where it has not begun."""
        ...

    def keep(self, member: int, place: Place) -> None:
        """Keep it, if it is time to."""
        ...


def fit(
    cluster: Cluster,
    weighed: Sequence[Handle],
    sizes: Sequence[Size],
    movies: int,
    settings: Settings,
    on_iteration: Callable[[], object],
    keeper: Keeper | None = None,
) -> Fitted:
    """Fit NMF, once for each member, and stack the factors.

    Parameters
    ----------
    cluster
        The workers.
    weighed
        Each partition's weighed scores, float32 CSR with sorted indices, users × movies.
    sizes
        Their users and cells.
    movies
        Their columns.
    settings
        What :func:`python_jobs.distributed.refusals.require_supported` lets through.
    on_iteration
        Called after each iteration of each member.
    keeper
        Where it is kept; None for nowhere.

    Raises
    ------
    UserError
        If the settings make numbers that are too large to count with.
    """
    users = sum(size.users for size in sizes)
    ready = [cluster.submit(at, prepared, matrix, settings) for at, matrix in enumerate(weighed)]
    mean = _mean(cluster, ready, sizes, movies)
    members, models = [], []
    for member, most in enumerate(settings.ranks):
        rank = choose_rank(users, movies, most)
        start = keeper.last(member) if keeper else None
        if start is None:
            start = _start(cluster, sizes, movies, mean, rank, settings.random_state + member)
        place = start
        for place in _places(cluster, ready, (users, movies), settings, start):
            if place.done or place.iteration % SPREAD_EVERY == 0:
                cluster.spread([*place.W, place.Ht])
            if keeper:
                keeper.keep(member, place)
            on_iteration()
        (Ht,) = cluster.results([place.Ht])
        model = new_model(settings, rank, member, settings.init)
        error = _error(cluster, ready, place)
        models.append(as_fitted(model, Ht.factors.T, place.iteration, error))
        members.append(place.W)
    W = [
        cluster.submit(at, stacked, ready[at], settings, *(W[at] for W in members))
        for at in range(len(ready))
    ]
    cluster.spread(W)
    # What they are made of may go only when they are made.
    cluster.finish(W, lambda _: None)
    iterations = max(int(model.n_iter_) for model in models)
    return Fitted(
        W=W,
        H=np.ascontiguousarray(np.vstack([model.components_ for model in models])),
        model=as_one_model(models),
        iterations=iterations,
        converged=iterations < settings.max_iter,
    )


def _mean(
    cluster: Cluster, ready: Sequence[Handle], sizes: Sequence[Size], movies: int
) -> np.float32:
    """Return the float32 mean of the whole matrix, empty cells included, to SciPy's bit."""
    total, users = sum(size.cells for size in sizes), sum(size.users for size in sizes)
    parts, first = [], 0
    for at, size in enumerate(sizes):
        parts.append(cluster.submit(at, mean_pieces, ready[at], first, total, users, movies))
        first += size.cells
    return mean_of((piece for part in cluster.results(parts) for piece in part), total)


def _start(
    cluster: Cluster, sizes: Sequence[Size], movies: int, mean: np.float32, rank: int, seed: int
) -> Place:
    scale = scale_of(mean, rank)
    states = states_of(seed, rank, movies, [size.users for size in sizes])
    W = [
        cluster.submit(at, started, Start(state, size.users, rank, scale))
        for at, (state, size) in enumerate(zip(states, sizes, strict=True))
    ]
    Ht = cluster.submit(0, movies_started, seed, rank, movies, scale)
    return Place(0, 0.0, W, Ht, done=False)


def _places(
    cluster: Cluster,
    ready: Sequence[Handle],
    shape: tuple[int, int],
    settings: Settings,
    place: Place,
) -> Iterator[Place]:
    """Yield where the fit is after each iteration; nothing where it had ended."""
    users, movies = shape

    def iterate(W: Sequence[Handle], Ht: Handle) -> tuple[list[Handle], Handle, Handle]:
        moved = [
            cluster.submit(at, users_step, V, W[at], Ht, settings.alpha * movies)
            for at, V in enumerate(ready)
        ]
        parts = [cluster.submit(at, part_sums, V, moved[at]) for at, V in enumerate(ready)]
        movies_moved = cluster.submit(
            0, movies_step, Ht, summed(cluster, parts), settings.alpha * users
        )
        return moved, movies_moved, cluster.submit(0, violation_of, movies_moved)

    iteration, first, done = place.iteration, place.first_violation, place.done
    ahead = None if done else iterate(place.W, place.Ht)
    while ahead:
        W, Ht, told = ahead
        iteration += 1
        last = iteration >= settings.max_iter
        # The next is begun before it is known whether it is wanted, so that nobody waits for that.
        ahead = None if last else iterate(W, Ht)
        (violation,) = cluster.results([told])
        first = violation if iteration == 1 else first
        # In scikit-learn's words: the first may be 0, and then there is nothing to divide by.
        done = last or first == 0 or violation / first <= TOLERANCE
        if done:
            ahead = None
        yield Place(iteration, first, W, Ht, done)


def _error(cluster: Cluster, ready: Sequence[Handle], place: Place) -> float:
    """Return scikit-learn's ``reconstruction_err_`` of one member: |V - WH| of scaled scores."""
    parts = [cluster.submit(at, errors_of, V, place.W[at], place.Ht) for at, V in enumerate(ready)]
    errors, Ht = cluster.results([summed(cluster, parts), place.Ht])
    H = Ht.factors.astype(np.float64)
    product = float(np.sum(errors.WtW * (H.T @ H)))
    return float(np.sqrt(max(0.0, errors.squares + product - 2 * errors.cross)))
