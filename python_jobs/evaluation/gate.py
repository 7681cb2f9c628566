"""The gate: nothing goes live that ranks worse than what is live, or that learned from a torso.

It is handed figures and knows neither MLflow nor ClickHouse. A new run is held against what can
fail, whatever its settings are: the champion's settings on the same split, the most popular movies
on the same split, what the champion itself was measured at, and the size of the mart that the
current run was made from. What cannot be measured refuses, unless nothing is live yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from python_jobs.errors import REFUSED, UserError
from python_jobs.evaluation.assessment import HEADLINE, Measured
from python_jobs.evaluation.limits import Limits
from python_jobs.model.settings import Settings

NOT_MEASURABLE = (
    "nobody has enough interactions to hold any out, so that it cannot be compared with what is "
    "live"
)


class RefusedError(UserError):
    """What was made is worse than what is live, or cannot be compared: it was not published."""

    exit_code = REFUSED
    word = "Refused"


@dataclass(frozen=True)
class Size:
    """How much there was to learn from."""

    users: int
    movies: int
    interactions: int
    shown: int | None = None
    """Movies of the catalogue that may be shown to somebody; None where a run does not say."""


@dataclass(frozen=True)
class Champion:
    """What is live: how it was made, and how it measured then."""

    version: str
    settings: Settings
    recorded: float | None
    """NDCG@10 when it was trained; None where it was not evaluated."""
    size: Size
    """Of the mart that the current run was made from."""


@dataclass(frozen=True)
class Verdict:
    """Whether a new run may go live, and if not, why."""

    reasons: tuple[str, ...] = ()
    """What speaks against it, in words; empty where it may go live."""
    champion_ndcg: float | None = None
    """NDCG@10 of the champion's settings, fitted anew on the same split: the champion's factors
    may have seen the holdout. Of a run that starts warm, that of what it started from. None where
    the settings are the new run's own."""
    champion_recorded: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the run may go live."""
        return not self.reasons

    def metrics(self) -> dict[str, float]:
        """Return what MLflow keeps of the verdict."""
        figures = {
            "champion_ndcg_at_10": self.champion_ndcg,
            "champion_recorded_ndcg_at_10": self.champion_recorded,
        }
        kept = {name: figure for name, figure in figures.items() if figure is not None}
        return {**kept, "gate_passed": float(self.passed)}


def judge(
    champion: Champion | None,
    size: Size,
    measured: Measured,
    limits: Limits,
) -> Verdict:
    """Compare a new run with what is live.

    Parameters
    ----------
    champion
        What is live; None where nothing is, and then everything passes.
    size
        Of the mart now.
    measured
        What the new run's settings were worth, and the champion's on the same split.
    limits
        What may be lost.
    """
    if champion is None:
        return Verdict()
    assessment, champion_ndcg = measured.assessment, measured.champion_ndcg
    ndcg = assessment.model.metrics[HEADLINE]
    started = assessment.started_at is not None
    words = "the factors it started from" if started else "the champion's settings"
    reasons = (
        *shrunk(champion.size, size, limits.max_shrink),
        *_worse(ndcg, champion, champion_ndcg, words, limits),
        *_below_popularity(ndcg, assessment.baselines["popularity"].metrics[HEADLINE]),
    )
    return Verdict(reasons, champion_ndcg, champion.recorded)


def judge_unmeasured(
    champion: Champion | None, size: Size, limits: Limits, *, wanted: bool
) -> Verdict:
    """Judge a run whose lists were not measured, by the mart's size.

    Parameters
    ----------
    champion, size, limits
        As for :func:`judge`.
    wanted
        Whether it was to be measured: then that it could not be speaks against it.
    """
    if champion is None:
        return Verdict()
    unmeasured = (NOT_MEASURABLE,) if wanted else ()
    reasons = (*shrunk(champion.size, size, limits.max_shrink), *unmeasured)
    return Verdict(reasons, champion_recorded=champion.recorded)


def shrunk(before: Size, now: Size, max_shrink: float) -> list[str]:
    """Return a sentence for each part that lost more than may be lost."""
    parts = {
        "the mart has lost {} of its users": (before.users, now.users),
        "the mart has lost {} of its movies": (before.movies, now.movies),
        "the mart has lost {} of its interactions": (before.interactions, now.interactions),
        "the catalogue has lost {} of the movies that may be shown": (before.shown, now.shown),
    }
    return [
        f"{words.format(f'{1 - left / had:.0%}')} since the current run was made "
        f"({had:,} then, {left:,} now; --max-shrink is {max_shrink:.0%})"
        for words, (had, left) in parts.items()
        if had is not None and left is not None and left < had * (1 - max_shrink)
    ]


def _worse(
    ndcg: float, champion: Champion, champion_ndcg: float | None, words: str, limits: Limits
) -> list[str]:
    reasons = []
    if champion_ndcg is not None and ndcg < champion_ndcg * (1 - limits.tolerance):
        reasons.append(
            f"its NDCG@10 on held-out interactions is {ndcg:.4f}, that of {words} "
            f"(version {champion.version}) {champion_ndcg:.4f} (--tolerance is "
            f"{limits.tolerance:.0%})"
        )
    if champion.recorded is not None and ndcg < champion.recorded * (1 - limits.max_drop):
        reasons.append(
            f"its NDCG@10 on held-out interactions is {ndcg:.4f}, and the champion (version "
            f"{champion.version}) had {champion.recorded:.4f} when it was trained (--max-drop is "
            f"{limits.max_drop:.0%})"
        )
    return reasons


def _below_popularity(ndcg: float, popularity: float) -> list[str]:
    if ndcg >= popularity:
        return []
    return [
        f"its NDCG@10 on held-out interactions is {ndcg:.4f}, and that of the most popular movies, "
        f"the same for everyone, {popularity:.4f}"
    ]


def refusal(
    verdict: Verdict, what: str, override: str, warnings: Sequence[str] = ()
) -> RefusedError:
    """Return the error that says why something was not published.

    Parameters
    ----------
    verdict
        With at least one reason.
    what
        What was not published, such as ``Version 3``.
    override
        The command or option that publishes it all the same.
    warnings
        What was left undone besides.
    """
    hint = [
        "What was published before is still current, and MLflow's aliases are what they were.",
        f"{override} publishes all the same.",
        *warnings,
    ]
    return RefusedError(f"{what} was not published: {'; '.join(verdict.reasons)}.", " ".join(hint))
