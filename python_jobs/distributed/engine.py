"""The engine ``dask``: what a training is done by, where users are shared out to workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_jobs.distributed.checkpoints import SECONDS, Checkpoints, State, require_same
from python_jobs.distributed.learned import OnWorkers
from python_jobs.distributed.partitions import (
    cut_users,
    facts_of,
    read_part,
)
from python_jobs.distributed.refusals import require_server, require_supported
from python_jobs.distributed.source import Source, require_answer
from python_jobs.errors import UserError
from python_jobs.interactions.columns import Extent
from python_jobs.interactions.mart import movies_of
from python_jobs.interactions.stamp import read_stamp
from python_jobs.model.settings import Settings

if TYPE_CHECKING:
    from python_jobs.distributed.workers import Workers
    from python_jobs.progress import Bar
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
