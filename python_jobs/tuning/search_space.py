"""What `tune` searches: single factorisations, and the ensembles that can be made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from python_jobs.evaluation.holdout import Protocol
from python_jobs.model.members import scale_users
from python_jobs.model.settings import Settings, choose_rank
from python_jobs.model.weighting import weigh
from python_jobs.threads import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

RANKS = (5, 100)
"""Ranks of single factorisations; small matrices allow less."""
SHRINKAGE = (0.003, 0.4)
"""Regularisation as a share of the largest singular value, see :meth:`SearchSpace.alpha`."""
RECENCY = 3.0
"""At most; temporal protocol only."""
ITERATIONS = 50
"""Of every fit of the search: more did not improve lists when it was measured, and take longer."""
FINALISTS = 3
"""Best single factorisations of which ensembles are made."""


@dataclass(frozen=True)
class SearchSpace:
    """The settings that are worth trying on some interactions."""

    matrices: Mapping[float | None, csr_matrix]
    """The interactions, users × movies, for each value of ``Settings.watched_weight``."""
    timestamps: NDArray[np.int64]
    """Last interaction of each stored cell."""
    protocol: Protocol
    """How settings are judged."""
    start: Settings
    """Where what is not searched comes from, such as the seed of the factors."""

    def starting_points(self) -> list[dict[str, Any]]:
        """Return what is tried first: what was good on MovieLens, and a step from the defaults."""
        low, high = self._ranks()
        good = {"rank": max(low, min(40, high)), "scaling": 0.5, "shrinkage": 0.1}
        plain = {"rank": max(low, min(10, high)), "scaling": 0.0, "shrinkage": 0.01}
        weight = self.start.watched_weight
        common = {"init": "random", "watched_weight": weight, "power": 1.0, "recency": 0.0}
        drifting = common | good | {"recency": self._recency() / 2}
        return [drifting, common | good, common | plain]

    def suggest(self, trial: Any) -> Settings:
        """Return settings for an Optuna trial."""
        chosen = replace(
            self.start,
            max_components=trial.suggest_int("rank", *self._ranks(), log=True),
            max_iter=ITERATIONS,
            init=trial.suggest_categorical("init", ["random", "nndsvd", "nndsvda"]),
            watched_weight=trial.suggest_categorical("watched_weight", list(self.matrices)),
            score_power=trial.suggest_float("power", 0.0, 2.0, step=0.25),
            recency=trial.suggest_float("recency", 0.0, self._recency(), step=0.25),
            user_scaling=trial.suggest_float("scaling", 0.0, 1.0, step=0.25),
            ensemble_ranks=(),
            transition_rank=0,
        )
        return replace(
            chosen, alpha=self.alpha(chosen, trial.suggest_float("shrinkage", *SHRINKAGE, log=True))
        )

    def alpha(self, settings: Settings, shrinkage: float) -> float:
        """Return the regularisation that takes a share of the largest singular value off each.

        Squared norms of both factors, weighed alike, are the nuclear norm of their product (Srebro,
        Rennie and Jaakkola, "Maximum-margin matrix factorization", 2004), whose proximal step takes
        a constant off each singular value. Stated as a share, what is much is the same for scores
        of any size. scikit-learn multiplies ``alpha`` by movies for W and by users for H.
        """
        from scipy.sparse.linalg import svds

        matrix = self.matrices[settings.watched_weight]
        scaled, _ = scale_users(weigh(matrix, self.timestamps, settings), settings)
        users, movies = scaled.shape
        if min(users, movies) == 1:
            largest = float(np.linalg.norm(scaled.data))
        else:
            start = np.ones(min(users, movies))
            with one_blas_thread():
                values = svds(scaled.astype(np.float64), 1, v0=start, return_singular_vectors=False)
            largest = float(values[0])
        return shrinkage * largest / float(np.sqrt(users * movies))

    def _ranks(self) -> tuple[int, int]:
        low, high = (choose_rank(*self._shape(), rank) for rank in RANKS)
        return low, high

    def _shape(self) -> tuple[int, int]:
        users, movies = next(iter(self.matrices.values())).shape
        return users, movies

    def _recency(self) -> float:
        # What was held out at random is no later than the rest.
        return RECENCY if self.protocol == "temporal" else 0.0


def ensembles(singles: list[Settings]) -> Iterator[Settings]:
    """Yield ensembles of single factorisations, the most promising first.

    Each of the best with three seeds; the very best with half, once and twice its rank, and with
    the ranks 4, 8, …, 40; each of the best with five seeds.

    Parameters
    ----------
    singles
        Settings without an ensemble, the best first.
    """
    finalists = singles[:FINALISTS]
    rank = finalists[0].max_components
    shapes: list[tuple[Settings, tuple[int, ...]]] = [
        *((single, (single.max_components,) * 3) for single in finalists),
        (finalists[0], (max(1, rank // 2), rank, 2 * rank)),
        (finalists[0], tuple(range(4, 41, 4))),
        *((single, (single.max_components,) * 5) for single in finalists),
    ]
    for single, ranks in shapes:
        # The other initialisations have no seed: members of one rank would be the same.
        yield replace(single, init="random", ensemble_ranks=ranks)
