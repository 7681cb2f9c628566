"""The search for better settings, on the training part of a split and on nothing else.

Three stages share the time, each starting from what the one before found: single factorisations,
by Optuna's tree-structured Parzen estimator (Bergstra et al., "Algorithms for hyper-parameter
optimization", 2011); ensembles of the best of them; and transitions stacked with the best of those,
by the same estimator. Each trial is judged by its mean NDCG@10 on two validation splits of the
training part:

- temporal: the latest fifth of each user's training part, and the fifth before that;
- random: a quarter of each user's training part, drawn twice.

Trials run side by side, a core each, and one that is far behind on the first split is not judged on
the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.holdout import Protocol
from python_jobs.model.settings import Settings
from python_jobs.tuning.judging import Judge, Trial, validation_splits, without_transitions
from python_jobs.tuning.search_space import SearchSpace, ensembles
from python_jobs.tuning.transition_space import TransitionSpace, finalists

SHARES = {"singles": 0.3, "ensembles": 0.4, "transitions": 0.9}
"""Share of the time that is gone when a stage ends; what is left is for seeds of the best."""
TOGETHER = 4
"""Trials that are suggested at a time, whatever the cores, so that the same seed suggests the same;
twice as many as two cores need, which levels long and short ones out."""


@dataclass(frozen=True)
class Search:
    """All that was tried."""

    trials: list[Trial]
    """In the order they were suggested."""
    ranked: list[Trial]
    """The best first, of equal ones the first tried; then those that were given up."""

    @property
    def best(self) -> Trial:
        """The trial with the highest NDCG@10."""
        return self.ranked[0]

    def best_where(self, fits: Callable[[Settings], bool]) -> Settings:
        """Return the best settings of a kind, of which one at least was tried."""
        return next(trial.settings for trial in self.ranked if fits(trial.settings))


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
        Time budget. No trial begins after it, but those that run are finished; one single
        factorisation, one ensemble and one with transitions are tried however little it is.
    start
        The settings to improve on, tried first; the defaults if not given.
    seed
        Of the samplers. With the same seed the same single factorisations come in the same order;
        how many there are depends on the time, and all that follows on them.
    on_trial
        Called with each trial when it is done.

    Raises
    ------
    TooFewInteractionsError
        If the training part has too few interactions to be split again.
    """
    begin = monotonic()
    ends = {stage: begin + 60 * minutes * share for stage, share in SHARES.items()}
    start = start or Settings()
    judge = Judge(
        {
            weight: validation_splits(matrix, timestamps, protocol)
            for weight, matrix in matrices.items()
        },
        on_trial,
    )
    judge.judge([start])
    space = SearchSpace(matrices, timestamps, protocol, start)
    _sample(judge, space, seed, ends["singles"])
    singles = [t.settings for t in judge.ranked if _is_single(t.settings)]
    _try(judge, ensembles(singles), ends["ensembles"])
    nmf = next(t.settings for t in judge.ranked if not t.settings.transition_rank)
    judge.keep(replace(nmf, **without_transitions()))
    steps = TransitionSpace(matrices[nmf.watched_weight].shape[1], nmf, start)
    _sample(judge, steps, seed, ends["transitions"])
    if monotonic() < (end := begin + 60 * minutes):
        _try(judge, finalists([t.settings for t in judge.ranked if not t.pruned]), end)
    return Search(judge.trials, judge.ranked)


def _is_single(settings: Settings) -> bool:
    return not settings.ensemble_ranks and not settings.transition_rank


def _sample(judge: Judge, space: SearchSpace | TransitionSpace, seed: int, until: float) -> None:
    """Judge what the sampler suggests until the time is over, and one thing at least."""
    import optuna

    # Progress is for `on_trial` to show, and not for Optuna's log as well.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for point in space.starting_points():
        study.enqueue_trial(point)
    asked = 0
    while not asked or monotonic() < until:
        suggested = [study.ask() for _ in range(TOGETHER)]
        asked += TOGETHER
        trials = judge.judge([space.suggest(each) for each in suggested], until)
        for each, trial in zip(suggested, trials, strict=False):
            _tell(study, each, trial)


def _tell(study: Any, suggested: Any, trial: Trial) -> None:
    import optuna

    if trial.pruned:
        suggested.report(trial.ndcg, step=0)
        study.tell(suggested, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(suggested, trial.ndcg)


def _try(judge: Judge, candidates: Iterable[Settings], until: float) -> None:
    """Judge candidates until the time is over, and one at least."""
    left = iter(candidates)
    first = True
    while batch := list(islice(left, TOGETHER)):
        if not first and monotonic() >= until:
            return
        judge.judge(batch, until)
        first = False
