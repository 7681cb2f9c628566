"""What `tune` searches of transitions, stacked with the factorisation that it has found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from python_jobs.model.settings import Settings

RANKS = (40, 120)
"""Ranks; small catalogues allow less."""
MEMORY = (1.5, 20.0)
"""Steps after which the past has faded to a third."""
LONG_MEMORY = (20.0, 300.0)
"""The same of the longer memory."""
LONG_SHARE = 0.5
"""What the longer memory counts beside the shorter, at most."""
HORIZON = (1.0, 30.0)
"""Steps ahead."""
SHRINKAGE = (0.0006, 0.03)
"""As a share of the squared pasts."""
POWER = 1.5
"""Power of the scores, at most."""
WEIGHTS = (0.25, 0.5, 1.0, 2.0)
"""What transitions count, where the factorisation counts 1."""
FINALISTS = 3
"""Best settings that are tried with more seeds."""
SEEDS = 3


@dataclass(frozen=True)
class TransitionSpace:
    """The transitions that are worth trying with a factorisation."""

    movies: int
    """Movies of the catalogue."""
    nmf: Settings
    """What they are stacked with."""
    start: Settings
    """Where the search started: its transitions, if it has any, are tried first."""

    def starting_points(self) -> list[dict[str, Any]]:
        """Return what is tried first: what the search started with, and what is good often."""
        low, high = self._ranks()
        defaults = Settings()
        good = self._point(replace(defaults, transition_rank=max(low, min(80, high))))
        shorter = good | {"memory": 2.5, "horizon": 2.0}
        known = [self._point(self.start)] if self._fits(self.start) else []
        return [*known, good, shorter]

    def suggest(self, trial: Any) -> Settings:
        """Return settings for an Optuna trial."""
        return replace(
            self.nmf,
            transition_rank=trial.suggest_int("rank", *self._ranks(), log=True),
            transition_weight=trial.suggest_categorical("weight", WEIGHTS),
            transition_memory=trial.suggest_float("memory", *MEMORY, log=True),
            transition_long_memory=trial.suggest_float("long_memory", *LONG_MEMORY, log=True),
            transition_long_share=trial.suggest_float("long_share", 0.0, LONG_SHARE),
            transition_horizon=trial.suggest_float("horizon", *HORIZON, log=True),
            transition_shrinkage=trial.suggest_float("shrinkage", *SHRINKAGE, log=True),
            transition_power=trial.suggest_float("power", 0.0, POWER, step=0.25),
            transition_seeds=1,
            transition_iterations=self.start.transition_iterations,
        )

    def _point(self, settings: Settings) -> dict[str, Any]:
        return {
            "rank": settings.transition_rank,
            "weight": settings.transition_weight,
            "memory": settings.transition_memory,
            "long_memory": settings.transition_long_memory,
            "long_share": settings.transition_long_share,
            "horizon": settings.transition_horizon,
            "shrinkage": settings.transition_shrinkage,
            "power": settings.transition_power,
        }

    def _fits(self, settings: Settings) -> bool:
        """Whether settings are inside what is searched."""
        low, high = self._ranks()
        return (
            low <= settings.transition_rank <= high
            and settings.transition_weight in WEIGHTS
            and MEMORY[0] <= settings.transition_memory <= MEMORY[1]
            and LONG_MEMORY[0] <= settings.transition_long_memory <= LONG_MEMORY[1]
            and settings.transition_long_share <= LONG_SHARE
            and HORIZON[0] <= settings.transition_horizon <= HORIZON[1]
            and SHRINKAGE[0] <= settings.transition_shrinkage <= SHRINKAGE[1]
            and settings.transition_power in [0.25 * step for step in range(7)]
        )

    def _ranks(self) -> tuple[int, int]:
        low, high = (max(1, min(rank, self.movies - 1)) for rank in RANKS)
        return low, high


def finalists(ranked: list[Settings]) -> Iterator[Settings]:
    """Yield the best settings that have transitions, the best first, averaged over more seeds."""
    best = [settings for settings in ranked if settings.transition_rank]
    for settings in best[:FINALISTS]:
        yield replace(settings, transition_seeds=SEEDS)
