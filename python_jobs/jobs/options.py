"""What the jobs are asked to do, with its defaults; by itself, so that help stays instant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from python_jobs.evaluation.limits import Limits
from python_jobs.model.settings import Settings


@dataclass(frozen=True)
class Origin:
    """Where settings come from; runs are named by it."""

    like: str = ""
    """The version whose settings they are, such as ``v4``; empty for the defaults."""
    told: dict[str, Any] = field(default_factory=dict)
    """What was changed in them."""


@dataclass(frozen=True)
class TrainOptions:
    """What one training is asked to do."""

    settings: Settings
    origin: Origin = field(default_factory=Origin)
    top: int = 20
    """Recommendations per user."""
    publish: bool = True
    """Whether the run goes live; without it, it is logged and registered only."""
    evaluate: bool = True
    """Whether its lists are judged on a holdout first; without it, the gate sees sizes only."""
    force: bool = False
    """Whether it goes live even where the gate would refuse it."""
    limits: Limits = field(default_factory=Limits)
    """How much worse than what is live it may be."""
    keep: int = 5
    """Model versions whose lists are kept for rollbacks, the current one included."""


@dataclass(frozen=True)
class ScoreOptions:
    """What one scoring is asked to do."""

    top: int = TrainOptions.top
    """Recommendations per user."""
    keep: int = TrainOptions.keep
    """Model versions whose lists are kept for rollbacks, the current one included."""
    max_shrink: float = Limits.max_shrink
    """Share of the current run's users, movies or interactions that the mart may have lost."""
