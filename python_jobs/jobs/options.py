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
class Experiment:
    """What an experiment is asked to be."""

    share: float
    """Share of the users who get the challenger's lists, above 0 and below 1."""
    name: str = ""
    """What it is called, and what decides who is in it; empty for both versions' numbers."""


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
    warm_start: bool = False
    """Whether the fit goes on from the factors of what is live, where there is something."""
    resume: str | None = None
    """The run that it goes on with, which died; None for a new one."""
    experiment: Experiment | None = None
    """The experiment in which it goes live; None where it goes live for everyone."""


@dataclass(frozen=True)
class ScoreOptions:
    """What one scoring is asked to do."""

    top: int = TrainOptions.top
    """Recommendations per user."""
    keep: int = TrainOptions.keep
    """Model versions whose lists are kept for rollbacks, the current one included."""
    max_shrink: float = Limits.max_shrink
    """Share of the current run's users, movies or interactions that the mart may have lost."""
    arm: str = ""
    """The arm of an experiment whose model's lists everyone gets, which ends it; empty to go on."""
