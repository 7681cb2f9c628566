"""Going on from the movie factors of an earlier fit, instead of from random numbers.

H says what the features are. User factors are folded in from it, those of new movies are fitted to
the users in the same way, and then the solver goes on for a few iterations. A day of new
interactions moves the factors little, so that these are enough: docs/quality.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from python_jobs.model.settings import Settings, choose_rank

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]

ITERATIONS = 5
"""How far the solvers go on, at most. With twenty the lists are no better, and where the solver had
not converged it goes on to what is nearer to the matrix and ranks worse."""
LEAST = np.float32(1e-3)
"""Of a feature's mean weight, what each movie has of it at least as transitions go on: their
updates multiply, and what is zero would stay so."""


@dataclass(frozen=True)
class MovieFactors:
    """What a fit knows of movies."""

    movie_ids: NDArray[np.uint64]
    """Ascending."""
    H: Floats
    """k × movies; with transitions, their rows last."""
    P: Floats | None
    """Movies × the rank of transitions; None where there are none."""

    def at(self, movie_ids: NDArray[np.uint64]) -> Start:
        """Return where a fit of other movies starts, given their ascending ids."""
        column = np.minimum(np.searchsorted(self.movie_ids, movie_ids), self.movie_ids.size - 1)
        known = self.movie_ids[column] == movie_ids
        H = np.where(known, self.H[:, column], np.float32(0))
        P = None if self.P is None else np.where(known[:, np.newaxis], self.P[column], 0)
        own = H.shape[0] - (0 if P is None else P.shape[1])
        return Start(known, np.ascontiguousarray(H[:own]), P, H[own:])


@dataclass(frozen=True)
class Start:
    """Where a fit starts; columns are movies of the matrix to fit."""

    known: NDArray[np.bool_]
    """Which movies there are factors of."""
    H: Floats
    """NMF's, k × movies; zeros where a movie is new."""
    P: Floats | None
    """Transitions', movies × their rank; None where there are none."""
    Q: Floats
    """The same, their rank × movies."""

    def fits(self, settings: Settings, shape: tuple[int, int]) -> bool:
        """Return whether a fit of users × movies with those settings has as many features."""
        own = sum(choose_rank(*shape, rank) for rank in settings.ranks)
        rank = (
            max(1, min(settings.transition_rank, shape[1] - 1)) if settings.transition_rank else 0
        )
        return (self.H.shape[0], self.Q.shape[0]) == (own, rank * settings.transition_seeds)

    def transitions(self, seed: int, seeds: int) -> tuple[Floats, Floats]:
        """Return P and Q of one of several stacked models, both movies × k, all of it positive."""
        if self.P is None:
            raise ValueError("there are no transitions to go on from")
        rank = self.P.shape[1] // seeds
        features = slice(seed * rank, (seed + 1) * rank)
        sides = (self.P[:, features] * np.float32(seeds), self.Q[features].T)
        return (_filled(sides[0], self.known), _filled(sides[1], self.known))


def iterations(settings: Settings) -> Settings:
    """Return the settings with as many iterations as a fit has that goes on."""
    return replace(
        settings,
        max_iter=min(ITERATIONS, settings.max_iter),
        transition_iterations=min(ITERATIONS, settings.transition_iterations),
    )


def _filled(weights: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return weights, movies × k, with those of an average movie where one is new."""
    means = weights[known].mean(axis=0, dtype=np.float64).astype(np.float32)
    filled = np.where(known[:, np.newaxis], np.maximum(weights, LEAST * means), means)
    return np.ascontiguousarray(filled + np.finfo(np.float32).tiny, np.float32)


def new_columns(scaled: csr_matrix, known: NDArray[np.bool_]) -> csr_matrix:
    """Return the scores of the new movies, movies × users."""
    from scipy.sparse import csr_matrix

    return csr_matrix(scaled.tocsc()[:, np.flatnonzero(~known)].T)
