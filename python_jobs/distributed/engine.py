"""The engine ``dask``: what a training is done by, where users are shared out to workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from python_jobs.distributed.checkpoints import SECONDS, Checkpoints, State, require_same
from python_jobs.distributed.cluster import Handle, summed
from python_jobs.distributed.evaluation import assess
from python_jobs.distributed.fit import Fitted, fit
from python_jobs.distributed.lists import Pieces, counts_of, publish_part, rules_of_parts
from python_jobs.distributed.partitions import (
    Cut,
    Facts,
    cut_users,
    facts_of,
    read_part,
    weighed_part,
)
from python_jobs.distributed.recording import ids_of
from python_jobs.distributed.refusals import require_server, require_supported
from python_jobs.distributed.source import Source, require_answer
from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import Measured
from python_jobs.evaluation.reconstruction import distance, sums_of
from python_jobs.interactions.columns import Extent
from python_jobs.interactions.mart import movies_of
from python_jobs.interactions.popularity import shares
from python_jobs.interactions.recommendable import Recommendable, short_lists
from python_jobs.interactions.stamp import read_stamp
from python_jobs.model.settings import Settings
from python_jobs.publishing.rows import ListRules, tables_without_users
from python_jobs.tracking.kept_files import KeptFiles
from python_jobs.tracking.record import TrainedModel, Users

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.distributed.workers import Workers
    from python_jobs.interactions.dataset import Dataset
    from python_jobs.model.warm_start import Start
    from python_jobs.progress import Bar, Phases
    from python_jobs.publishing.staging import Tables
    from python_jobs.tracking.store import Tracking
    from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class DaskEngine:
    """Has workers read the mart, a range of users each."""

    warehouse: Warehouse
    workers: Workers
    tracking: Tracking
    seconds: float = SECONDS
    """Between two checkpoints."""
    resumed: State | None = None
    """What the run was that is gone on with; None of a new one."""
    log: list[Checkpoints] = field(default_factory=list)
    """What the run keeps, once it has begun."""

    @property
    def kept(self) -> str:
        """The run that can be gone on with; empty where there is none."""
        return self.log[-1].files.run_id if self.log and self.log[-1].kept else ""

    def require(
        self,
        settings: Settings,
        champion: Settings | None,
        *,
        experiment: bool,
        warm_start: bool,
    ) -> None:
        """Refuse what would not be the same model, or not be done at all.

        Raises
        ------
        UserError
            If the database is embedded, settings are not supported, or it would begin an
            experiment or start warm.
        """
        require_server(self.warehouse.embedded)
        require_supported(settings)
        if champion is not None:
            require_supported(champion, "what is live, which the gate compares with")
        if experiment:
            raise UserError(
                "An experiment cannot begin with the engine dask.",
                "Train without --engine dask, or without --experiment-share.",
            )
        if warm_start:
            raise UserError(
                "The engine dask starts from random numbers, and not from what is live.",
                "Train without --engine dask, or without --warm-start.",
            )

    def read(self, weights: Sequence[float | None], bar: Bar) -> OnWorkers:
        """Have the mart read, with scores under each weight.

        Raises
        ------
        UserError
            If a worker cannot reach ClickHouse, or the mart cannot be trained on.
        """
        source = Source.of(self.warehouse.project)
        self.workers.on_all(require_answer, source)
        stamp = read_stamp(self.warehouse, self.warehouse.mart)
        movie_ids, cells = movies_of(self.warehouse)
        bar.expect(cells)
        if self.resumed:
            require_same(self.resumed, cells, stamp)
            cuts = self.resumed.cuts
        else:
            cuts = cut_users(self.warehouse, len(self.workers.places), cells)
        parts = [
            self.workers.submit(at, read_part, source, cut, movie_ids, list(weights), stamp)
            for at, cut in enumerate(cuts)
        ]
        self.workers.finish(parts, lambda at: bar.advance(cuts[at].cells))
        facts = self.workers.results(
            [self.workers.submit(at, facts_of, part) for at, part in enumerate(parts)]
        )
        extent = Extent(
            users=sum(its.size.users for its in facts),
            movie_ids=movie_ids,
            interactions=cells,
            last_interacted_at=max(its.last_interacted_at for its in facts),
            relation=str(self.warehouse.mart),
            stamp=stamp,
        )
        return OnWorkers(self, source, extent, cuts, parts, facts)


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
        start: Start | None = None,  # noqa: ARG002
    ) -> Measured | None:
        """Judge settings on a temporal holdout, and the champion's where they are others."""
        checkpoints = self._checkpoints(settings)
        return assess(self.workers, self.parts, settings, champion, genres, checkpoints.of)

    def fit(self, settings: Settings, bar: Bar, start: Start | None = None) -> FittedOnWorkers:  # noqa: ARG002
        """Fit what the settings say."""
        bar.expect(len(settings.ranks) * settings.max_iter)
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


@dataclass(frozen=True)
class FittedOnWorkers:
    """A model whose user factors are on the workers."""

    learned: OnWorkers
    weighed: list[Handle]
    """Each partition's scores as they were fitted."""
    fitted: Fitted

    @cached_property
    def model(self) -> TrainedModel:
        """What is recorded of it."""
        return TrainedModel(
            H=self.fitted.H,
            P=None,
            model=self.fitted.model,
            iterations=self.fitted.iterations,
            converged=self.fitted.converged,
            users=self._users,
        )

    def _users(self) -> Iterator[Users]:
        """Bring the users here, one partition after the other."""
        workers = self.learned.workers
        for at, (part, W) in enumerate(zip(self.learned.parts, self.fitted.W, strict=True)):
            (ids, fingerprints), factors = workers.results([workers.submit(at, ids_of, part), W])
            yield Users(factors, ids, fingerprints)

    def distance(self) -> dict[str, float]:
        """Return how far it is from the matrix."""
        workers, H = self.learned.workers, self.fitted.H
        parts = [
            workers.submit(at, sums_of, matrix, self.fitted.W[at], H)
            for at, matrix in enumerate(self.weighed)
        ]
        (sums,) = workers.results([summed(workers, parts)])
        return distance(sums, H, self.learned.extent.shape, self.learned.extent.interactions)

    def ranked(self, rules: ListRules) -> NoReturn:
        """Refuse: its users are on the workers."""
        raise NotImplementedError("users are on the workers; DaskEngine.require lets nobody ask")

    def tables(
        self, run_id: str, rules: ListRules, dataset: Dataset, phases: Phases, bar: Bar
    ) -> Tables:
        """Have the workers begin with the lists; return them, and the rows of the other tables."""
        learned, workers, H = self.learned, self.learned.workers, self.fitted.H
        counted = [workers.submit(at, counts_of, part) for at, part in enumerate(learned.parts)]
        (counts,) = workers.results([summed(workers, counted)])
        popularity = shares(counts, learned.extent.users)
        theirs = rules_of_parts(rules, [cut.last for cut in learned.cuts])
        pieces = [
            workers.submit(
                at,
                publish_part,
                learned.source,
                run_id,
                part,
                self.weighed[at],
                self.fitted.W[at],
                H,
                popularity,
                theirs[at],
            )
            for at, part in enumerate(learned.parts)
        ]
        users = [its.size.users for its in learned.facts]
        filler = Pieces(learned.engine.warehouse, workers, run_id, pieces, users, phases, bar)
        rest = tables_without_users(
            H, H.shape[0], learned.extent.movie_ids, rules.recommendable, dataset, phases
        )
        return {"recommendations": filler, **rest}
