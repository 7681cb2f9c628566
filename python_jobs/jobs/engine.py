"""What a training is done by: this process, or many machines. The steps are the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.evaluation.assessment import Measured
    from python_jobs.interactions.columns import Extent, Interactions
    from python_jobs.interactions.dataset import Dataset
    from python_jobs.interactions.recommendable import Recommendable
    from python_jobs.model.settings import Settings
    from python_jobs.model.warm_start import Start
    from python_jobs.progress import Bar, Phases
    from python_jobs.publishing.rows import ListRules, Ranked
    from python_jobs.publishing.staging import Tables
    from python_jobs.tracking.record import TrainedModel


class Trained(Protocol):
    """A model as it comes from a fit, where its users still are."""

    @property
    def model(self) -> TrainedModel:
        """What is recorded of it."""
        ...

    def distance(self) -> dict[str, float]:
        """Return how far it is from the matrix: see ``reconstruction_metrics``."""
        ...

    def tables(
        self, run_id: str, rules: ListRules, dataset: Dataset, phases: Phases, bar: Bar
    ) -> Tables:
        """Return the rows of each published table, or what fills it."""
        ...

    def ranked(self, rules: ListRules) -> Ranked:
        """Return what everyone's list is made from: for experiments, in one process only."""
        ...


class Learning(Protocol):
    """The mart, as it has been read."""

    @property
    def extent(self) -> Extent:
        """How far it goes."""
        ...

    def within(self, run_id: str) -> Learning:
        """Return the same, in a run of MLflow; what is kept in between is kept there."""
        ...

    def ended(self) -> list[str]:
        """Forget what was kept in between, since the run is whole; return what was left undone."""
        ...

    def assess(
        self,
        settings: Settings,
        champion: Settings | None,
        genres: csr_matrix | None,
        bar: Bar,
        start: Start | None = None,
    ) -> Measured | None:
        """Judge settings on a temporal holdout; None where nobody has enough interactions.

        The champion's are judged beside them, on the scores that they want, where they are others;
        or what the judged fit goes on from. The bar is advanced where it is known how far it is.
        """
        ...

    def fit(self, settings: Settings, bar: Bar, start: Start | None = None) -> Trained:
        """Fit what the settings say, from random numbers where there is no start."""
        ...

    def short_lists(self, recommendable: Recommendable | None, top: int) -> int:
        """Count the users with fewer unseen movies that may be shown than a list is long."""
        ...

    def whole(self) -> Interactions:
        """Return all of it in this process: for experiments, in one process only."""
        ...


class Engine(Protocol):
    """Reads the mart."""

    def require(
        self,
        settings: Settings,
        champion: Settings | None,
        *,
        experiment: bool,
        warm_start: bool,
    ) -> None:
        """Refuse what would not be the same model here.

        Parameters
        ----------
        settings, champion
            What is to be fitted, and what is live.
        experiment
            Whether it begins an experiment.
        warm_start
            Whether the fit is to go on from what is live.

        Raises
        ------
        UserError
            If something asked for is not supported.
        """
        ...

    def read(self, weights: Sequence[float | None], bar: Bar) -> Learning:
        """Read the mart, with scores under each weight."""
        ...
