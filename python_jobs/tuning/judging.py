"""What settings are worth: judged on the validation splits, several side by side, some given up."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.evaluation.assessment import evaluate_factors
from python_jobs.evaluation.holdout import Holdout, Protocol, hold_out
from python_jobs.model.factorization import Factorization, factorize
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.settings import Settings
from python_jobs.model.stacked import stack
from python_jobs.model.transitions import fit_transitions
from python_jobs.model.weighting import weigh
from python_jobs.threads import one_blas_thread, thread_count

METRIC = "ndcg_at_10"
"""What a trial is judged by."""
VALIDATIONS = 2
"""Validation splits: one alone is noisier than what most settings change."""
HOPELESS = 0.95
"""Share of the best trial's figure on the first split below which the second is not looked at."""


@dataclass(frozen=True)
class Trial:
    """Some settings, and what they were worth."""

    number: int
    """From 0, which is the settings that the search started from."""
    settings: Settings
    ndcg: float
    """Mean NDCG@10 on the validation splits, 0–1; of one that was given up, of the first alone."""
    seconds: float
    """How long fitting and judging took."""
    pruned: bool = False
    """Whether it was given up after the first split."""


@dataclass
class Judge:
    """Fits settings on the validation splits, and remembers what they were worth."""

    splits: Mapping[float | None, Sequence[Holdout]]
    """The validation splits under each :attr:`Settings.watched_weight`."""
    on_trial: Callable[[Trial], None] | None = None
    trials: list[Trial] = field(default_factory=list)
    _best_first: float = 0.0
    """Figure of the best trial on the first split."""
    _kept: dict[tuple[Settings, int], Factorization] = field(default_factory=dict)

    @property
    def ranked(self) -> list[Trial]:
        """The best first, of equal ones the first tried; then those that were given up."""
        return sorted(self.trials, key=lambda trial: (trial.pruned, -trial.ndcg))

    def keep(self, nmf: Settings) -> None:
        """Fit a factorisation on every split, for all trials that stack something with it."""
        splits = self.splits[nmf.watched_weight]
        self._kept = {(nmf, number): _nmf(split, nmf) for number, split in enumerate(splits)}

    def judge(self, candidates: Sequence[Settings], until: float | None = None) -> list[Trial]:
        """Judge some settings side by side, on all cores; return their trials, in order.

        What is given up depends on earlier calls only, so that threads change no trial.

        Parameters
        ----------
        candidates
            Settings; each is fitted on one core.
        until
            When to begin no more of them, by :func:`time.monotonic`. The first is always judged.
        """
        enough = HOPELESS * self._best_first

        def attempt(numbered: tuple[int, Settings]) -> tuple[list[float], float] | None:
            number, settings = numbered
            started = monotonic()
            if number and until is not None and started >= until:
                return None
            figures: list[float] = []
            for place in range(len(self.splits[settings.watched_weight])):
                figures.append(self._figure(settings, place))
                if figures[0] < enough:
                    break
            return figures, monotonic() - started

        with _settled(), ThreadPoolExecutor(thread_count(), thread_name_prefix="trial") as pool:
            done = list(pool.map(attempt, enumerate(candidates)))
        return [
            self._record(settings, *outcome)
            for settings, outcome in zip(candidates, done, strict=True)
            if outcome
        ]

    def _figure(self, settings: Settings, place: int) -> float:
        split = self.splits[settings.watched_weight][place]
        nmf = replace(settings, **without_transitions())
        fitted = self._kept.get((nmf, place)) or _nmf(split, nmf)
        if settings.transition_rank:
            history = (split.train, split.train_timestamps)
            transitions = fit_transitions(*history, settings)
            fitted = stack(fitted, transitions, latest_pasts(*history, settings), settings)
        return evaluate_factors(fitted.W, fitted.H, split).metrics[METRIC]

    def _record(self, settings: Settings, figures: list[float], seconds: float) -> Trial:
        pruned = len(figures) < len(self.splits[settings.watched_weight])
        best = self.ranked[0].ndcg if self.trials else 0.0
        trial = Trial(len(self.trials), settings, float(np.mean(figures)), seconds, pruned)
        if not pruned and trial.ndcg > best:
            self._best_first = figures[0]
        self.trials.append(trial)
        if self.on_trial:
            self.on_trial(trial)
        return trial


@contextmanager
def _settled() -> Iterator[None]:
    """Settle once for all threads what each fit would set for the process and set back again."""
    from sklearn.exceptions import ConvergenceWarning

    with one_blas_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def without_transitions() -> dict[str, Any]:
    """Return the settings of transitions as they are where there are none."""
    defaults = Settings()
    names = (name for name in vars(defaults) if name.startswith("transition_"))
    return {name: getattr(defaults, name) for name in names}


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


def _nmf(split: Holdout, settings: Settings) -> Factorization:
    return factorize(weigh(split.train, split.train_timestamps, settings), settings)
