"""The gate: nothing goes live that ranks held-out movies worse than what is live."""

from __future__ import annotations

from dataclasses import dataclass

from python_jobs.assessment import HEADLINE, Assessment
from python_jobs.errors import REFUSED, UserError
from python_jobs.evaluation import evaluate_settings
from python_jobs.holdout import Holdout
from python_jobs.registry import CHAMPION, find_version, load_settings
from python_jobs.settings import Settings
from python_jobs.tracking import Tracking

TOLERANCE = 0.02
"""How much of the champion's NDCG@10 a new model may lose and still go live."""


class RefusedError(UserError):
    """The new model is worse than the champion: logged and registered, and not published."""

    exit_code = REFUSED


@dataclass(frozen=True)
class Verdict:
    """The new model beside the champion, both fitted and judged on the same split."""

    ndcg: float
    """NDCG@10 of the new model's settings."""
    champion_ndcg: float
    """NDCG@10 of the champion's settings, fitted anew: its factors may have seen the holdout."""
    champion_version: str
    tolerance: float
    """Share of the champion's NDCG@10 that may be lost."""

    @property
    def passed(self) -> bool:
        """Whether the new model may go live."""
        return self.ndcg >= self.champion_ndcg * (1.0 - self.tolerance)

    def metrics(self) -> dict[str, float]:
        """Return what MLflow keeps of the verdict."""
        return {"champion_ndcg_at_10": self.champion_ndcg, "gate_passed": float(self.passed)}


@dataclass(frozen=True)
class Champion:
    """The version that is live, and the settings it was fitted with."""

    version: str
    settings: Settings


def champion_settings(tracking: Tracking) -> Champion | None:
    """Return the champion's settings; None where there is no champion yet.

    Raises
    ------
    UserError
        If the champion's artifacts cannot be read.
    """
    if find_version(tracking, CHAMPION) is None:
        return None
    return Champion(*load_settings(tracking, CHAMPION))


def judge(
    champion: Champion,
    holdout: Holdout,
    settings: Settings,
    assessment: Assessment,
    tolerance: float,
) -> Verdict:
    """Compare settings that were assessed with the champion's.

    Parameters
    ----------
    champion
        What is live.
    holdout
        The split of the assessment, with scores as the champion's settings want them.
    settings, assessment
        The new model's settings, and what they were worth.
    tolerance
        Share of the champion's NDCG@10 that may be lost.
    """
    ndcg = assessment.model.metrics[HEADLINE]
    if champion.settings == settings:
        # The same fit on the same split.
        champion_ndcg = ndcg
    else:
        champion_ndcg = evaluate_settings(champion.settings, holdout).metrics[HEADLINE]
    return Verdict(ndcg, champion_ndcg, champion.version, tolerance)


def refusal(verdict: Verdict, version: str) -> RefusedError:
    """Return the error that says why a version was not published."""
    return RefusedError(
        f"Version {version} was not published: its NDCG@10 on held-out interactions is "
        f"{verdict.ndcg:.4f}, the champion's (version {verdict.champion_version}) "
        f"{verdict.champion_ndcg:.4f}, and {verdict.tolerance:.0%} may be lost.",
        "It is registered as challenger; what was published before is still current. "
        "`python_jobs train --force` publishes all the same.",
    )
