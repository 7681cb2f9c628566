"""The search for better settings, on the training part of a split and on nothing else.

First single factorisations are searched with Optuna's tree-structured Parzen estimator (Bergstra et
al., "Algorithms for hyper-parameter optimization", 2011); then ensembles of the best of them are
tried. Each trial is judged by its mean NDCG@10 on two validation splits of the training part:

- temporal: the latest fifth of each user's training part, and the fifth before that;
- random: a quarter of each user's training part, drawn twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.assessment import evaluate_settings
from python_jobs.evaluation.holdout import Holdout, Protocol, hold_out
from python_jobs.model.settings import Settings
from python_jobs.tuning.search_space import SearchSpace, ensembles

METRIC = "ndcg_at_10"
"""What a trial is judged by."""
VALIDATIONS = 2
"""Validation splits: one alone is noisier than what most settings change."""
SINGLE_SHARE = 0.6
"""Share of the time for single factorisations; the rest is for ensembles."""


@dataclass(frozen=True)
class Trial:
    """Some settings, and what they were worth."""

    number: int
    """From 0, which is the settings that the search started from."""
    settings: Settings
    ndcg: float
    """Mean NDCG@10 on the validation splits, 0–1."""
    seconds: float
    """How long fitting and judging took."""


@dataclass(frozen=True)
class Search:
    """All that was tried."""

    trials: list[Trial]
    """In the order they were tried."""

    @property
    def ranked(self) -> list[Trial]:
        """The best first; of equal ones the first tried."""
        return sorted(self.trials, key=lambda trial: -trial.ndcg)

    @property
    def best(self) -> Trial:
        """The trial with the highest NDCG@10."""
        return self.ranked[0]


Matrices = Mapping[float | None, csr_matrix]
"""The same cells under each :attr:`Settings.watched_weight` that may be tried."""


def search(
    matrices: Matrices,
    timestamps: NDArray[np.int64],
    protocol: Protocol,
    minutes: float,
    *,
    start: Settings | None = None,
    seed: int = 42,
    on_trial: Callable[[Trial], None] | None = None,
) -> Search:
    """Search settings for some time.

    Parameters
    ----------
    matrices, timestamps
        The training part of a split, so that nothing here can see the rest.
    protocol
        How the training part was split off, and is split again for validation.
    minutes
        Time budget. No trial begins after it, but the one that runs is finished; one single
        factorisation and one ensemble are tried however little it is.
    start
        The settings to improve on, tried first; the defaults if not given.
    seed
        Of the sampler. With the same seed the same single factorisations come in the same order;
        how many there are depends on the time.
    on_trial
        Called with each trial when it is done.

    Raises
    ------
    TooFewInteractionsError
        If the training part has too few interactions to be split again.
    """
    begin = monotonic()
    splits = {
        weight: validation_splits(matrix, timestamps, protocol)
        for weight, matrix in matrices.items()
    }
    found = Search([])

    def attempt(settings: Settings) -> float:
        started = monotonic()
        validations = splits[settings.watched_weight]
        figures = [evaluate_settings(settings, split).metrics[METRIC] for split in validations]
        ndcg = float(np.mean(figures))
        trial = Trial(len(found.trials), settings, ndcg, monotonic() - started)
        found.trials.append(trial)
        if on_trial:
            on_trial(trial)
        return ndcg

    def minutes_gone() -> float:
        return (monotonic() - begin) / 60

    start = start or Settings()
    attempt(start)
    space = SearchSpace(matrices, timestamps, protocol, start)
    study = _study(space, seed)
    while len(found.trials) < 2 or minutes_gone() < minutes * SINGLE_SHARE:
        trial = study.ask()
        study.tell(trial, attempt(space.suggest(trial)))
    singles = [trial.settings for trial in found.ranked if not trial.settings.ensemble_ranks]
    for number, settings in enumerate(ensembles(singles)):
        if number and minutes_gone() >= minutes:
            break
        attempt(settings)
    return found


def validation_splits(
    matrix: csr_matrix, timestamps: NDArray[np.int64], protocol: Protocol
) -> list[Holdout]:
    """Split the training part again, as often as :data:`VALIDATIONS` says."""
    splits: list[Holdout] = []
    for number in range(VALIDATIONS):
        splits.append(hold_out(matrix, timestamps, protocol, seed=number))
        if protocol == "temporal":
            matrix, timestamps = splits[-1].train, splits[-1].train_timestamps
    return splits


def _study(space: SearchSpace, seed: int) -> Any:
    import optuna

    # Progress is for `on_trial` to show, and not for Optuna's log as well.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for point in space.starting_points():
        study.enqueue_trial(point)
    return study
