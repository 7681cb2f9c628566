"""A training in this process: everything in memory, on all cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from python_jobs.evaluation.assessment import HEADLINE, Measured, assess, evaluate_settings
from python_jobs.evaluation.holdout import Holdout, TooFewInteractionsError, hold_out
from python_jobs.evaluation.reconstruction import reconstruction_metrics
from python_jobs.interactions.columns import Extent, Interactions
from python_jobs.interactions.mart import read_interactions
from python_jobs.interactions.popularity import popularity_of
from python_jobs.interactions.recommendable import Recommendable, short_lists
from python_jobs.model.factorization import Factorization
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.settings import Settings
from python_jobs.model.stacked import fit, steps
from python_jobs.model.weighting import weighed_by
from python_jobs.progress import NO_BAR, Bar
from python_jobs.publishing.rows import ListRules, Ranked, tables_of
from python_jobs.publishing.staging import Tables
from python_jobs.ranking.explanations import Past
from python_jobs.tracking.record import TrainedModel, Users

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.interactions.dataset import Dataset
    from python_jobs.model.warm_start import Start
    from python_jobs.progress import Phases
    from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class OneProcess:
    """Reads the mart into memory."""

    warehouse: Warehouse

    def require(
        self,
        settings: Settings,
        champion: Settings | None,
        *,
        experiment: bool,
        warm_start: bool,
    ) -> None:
        """Let everything through."""

    def read(self, weights: Sequence[float | None], bar: Bar) -> InMemory:
        """Read the mart, with scores under each weight."""
        return InMemory(read_interactions(self.warehouse, weights, bar))


@dataclass(frozen=True)
class InMemory:
    """The mart, all of it."""

    interactions: Interactions

    @property
    def extent(self) -> Extent:
        """How far it goes."""
        return self.interactions.extent

    def whole(self) -> Interactions:
        """Return all of it."""
        return self.interactions

    def within(self, run_id: str) -> InMemory:  # noqa: ARG002
        """Return the same: nothing is kept in between."""
        return self

    def ended(self) -> list[str]:
        """Do nothing: nothing was kept in between."""
        return []

    def assess(
        self,
        settings: Settings,
        champion: Settings | None,
        genres: csr_matrix | None,
        bar: Bar = NO_BAR,  # noqa: ARG002
        start: Start | None = None,
    ) -> Measured | None:
        """Judge settings on a temporal holdout, and the champion's where they are others."""
        holdout = _split(self.interactions)
        if holdout is None:
            return None
        assessment = assess(holdout, settings, genres, start)
        if assessment.started_at is not None:
            return Measured(assessment, assessment.started_at)
        if champion is None or champion == settings:
            return Measured(assessment, None)
        if champion.watched_weight != settings.watched_weight:
            # The same cells are held out; they only count differently.
            theirs = self.interactions.under(champion.watched_weight)
            holdout = hold_out(theirs.matrix, theirs.last_interacted_at)
        theirs_now = evaluate_settings(champion, holdout, genres)
        return Measured(assessment, theirs_now.metrics[HEADLINE])

    def fit(self, settings: Settings, bar: Bar, start: Start | None = None) -> FittedHere:
        """Fit what the settings say, from random numbers where there is no start."""
        bar.expect(steps(settings, start))
        matrix, times = self.interactions.matrix, self.interactions.last_interacted_at
        fitted = fit(matrix, times, settings, bar.advance, start)
        weighed = weighed_by(self.interactions, settings)
        return FittedHere(self.interactions, weighed, fitted, settings)

    def short_lists(self, recommendable: Recommendable | None, top: int) -> int:
        """Count the users with fewer unseen movies that may be shown than a list is long."""
        return short_lists(self.interactions, recommendable, top)


def _split(interactions: Interactions) -> Holdout | None:
    try:
        return hold_out(interactions.matrix, interactions.last_interacted_at)
    except TooFewInteractionsError:
        return None


@dataclass(frozen=True)
class FittedHere:
    """A model with what it was fitted on."""

    interactions: Interactions
    weighed: Interactions
    """The same with the scores that the settings make of them."""
    fitted: Factorization
    settings: Settings

    @cached_property
    def model(self) -> TrainedModel:
        """What is recorded of it."""
        return model_of(self.interactions, self.fitted)

    def distance(self) -> dict[str, float]:
        """Return how far it is from the matrix."""
        return reconstruction_metrics(self.weighed.matrix, self.fitted.W, self.fitted.H)

    def tables(
        self,
        run_id: str,  # noqa: ARG002
        rules: ListRules,
        dataset: Dataset,
        phases: Phases,
        bar: Bar,
    ) -> Tables:
        """Return the rows of each published table."""
        return tables_of(self.ranked(rules), dataset, phases, bar)

    def ranked(self, rules: ListRules) -> Ranked:
        """Return what every user's list is made from, straight after the fit."""
        return Ranked(
            W=self.fitted.W,
            H=self.fitted.H,
            matrix=self.weighed.matrix,
            user_ids=self.weighed.user_ids,
            movie_ids=self.weighed.movie_ids,
            folded_in=np.zeros(self.weighed.user_ids.size, bool),
            cold_users=rules.cold_users,
            popularity=lambda: popularity_of(self.weighed.matrix),
            top=rules.top,
            past=self._past(),
            recommendable=rules.recommendable,
            variety=rules.variety,
            new=rules.new,
        )

    def _past(self) -> Past | None:
        """Return what the features of transitions were made from; None where there are none."""
        if self.fitted.P is None:
            return None
        matrix, times = self.interactions.matrix, self.interactions.last_interacted_at
        return Past(self.fitted.P, latest_pasts(matrix, times, self.settings))


def model_of(interactions: Interactions, fitted: Factorization) -> TrainedModel:
    """Return what is recorded of a model that was fitted in this process."""

    def users() -> Iterator[Users]:
        yield Users(fitted.W, interactions.user_ids, interactions.fingerprints)

    return TrainedModel(
        H=fitted.H,
        P=fitted.P,
        model=fitted.model,
        iterations=fitted.iterations,
        converged=fitted.converged,
        users=users,
    )
