"""The mart on the workers: what a training asks of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from python_jobs.distributed.checkpoints import Checkpoints, State
from python_jobs.distributed.cluster import Handle
from python_jobs.distributed.evaluation import assess, iterations
from python_jobs.distributed.fit import fit
from python_jobs.distributed.fitted import FittedOnWorkers
from python_jobs.distributed.lists import rules_of_parts
from python_jobs.distributed.partitions import (
    Cut,
    Facts,
    weighed_part,
)
from python_jobs.distributed.source import Source
from python_jobs.evaluation.assessment import Measured
from python_jobs.interactions.columns import Extent
from python_jobs.interactions.recommendable import Recommendable, short_lists
from python_jobs.model.settings import Settings
from python_jobs.publishing.rows import ListRules
from python_jobs.tracking.kept_files import KeptFiles

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.distributed.engine import DaskEngine
    from python_jobs.distributed.workers import Workers
    from python_jobs.model.warm_start import Start
    from python_jobs.progress import Bar


@dataclass(frozen=True)
class OnWorkers:
    """The mart, on the workers."""

    engine: DaskEngine
    source: Source
    extent: Extent
    cuts: list[Cut]
    parts: list[Handle]
    facts: list[Facts]
    run_id: str = ""
    """The run of MLflow that it is in."""

    @property
    def workers(self) -> Workers:
        """The workers."""
        return self.engine.workers

    def within(self, run_id: str) -> OnWorkers:
        """Return the same, in a run of MLflow."""
        return replace(self, run_id=run_id)

    def ended(self) -> list[str]:
        """Forget what was kept in between; return what was left undone."""
        return [warning for kept in self.engine.log if (warning := kept.remove())]

    def _checkpoints(self, settings: Settings) -> Checkpoints:
        if not self.engine.log:
            extent = self.extent
            state = State(settings, self.cuts, extent.interactions, extent.stamp)
            files = KeptFiles(self.engine.tracking, self.run_id)
            kept = self.engine.resumed is not None
            found = Checkpoints(self.workers, files, state, self.engine.seconds, kept)
            self.engine.log.append(found)
        return self.engine.log[-1]

    def whole(self) -> NoReturn:
        """Refuse: it is on the workers."""
        raise NotImplementedError("the mart is on the workers; DaskEngine.require lets nobody ask")

    def assess(
        self,
        settings: Settings,
        champion: Settings | None,
        genres: csr_matrix | None,
        bar: Bar,
        start: Start | None = None,  # noqa: ARG002
    ) -> Measured | None:
        """Judge settings on a temporal holdout, and the champion's where they are others."""
        checkpoints = self._checkpoints(settings)
        return assess(self.workers, self.parts, settings, champion, genres, checkpoints.of, bar)

    def fit(
        self,
        settings: Settings,
        bar: Bar,
        start: Start | None = None,  # noqa: ARG002
    ) -> FittedOnWorkers:
        """Fit what the settings say."""
        bar.expect(iterations(settings))
        weighed = [
            self.workers.submit(at, weighed_part, part, settings)
            for at, part in enumerate(self.parts)
        ]
        sizes = [its.size for its in self.facts]
        movies = self.extent.movie_ids.size
        keeper = self._checkpoints(settings).of("fit", settings)
        fitted = fit(self.workers, weighed, sizes, movies, settings, bar.advance, keeper)
        return FittedOnWorkers(self, weighed, fitted)

    def short_lists(self, recommendable: Recommendable | None, top: int) -> int:
        """Count the users with fewer unseen movies that may be shown than a list is long."""
        nobody = ListRules(top, recommendable, None, None, np.empty(0, np.uint64))
        rules = rules_of_parts(nobody, [cut.last for cut in self.cuts])
        counted = [
            self.workers.submit(at, short_lists, part, rules[at].recommendable, top)
            for at, part in enumerate(self.parts)
        ]
        return sum(self.workers.results(counted))
