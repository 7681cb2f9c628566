"""A model on the workers: what a training asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from python_jobs.distributed.cluster import Handle, summed
from python_jobs.distributed.fit import Fitted
from python_jobs.distributed.lists import Pieces, publish_part, rules_of_parts
from python_jobs.distributed.partitions import ids_of
from python_jobs.evaluation.reconstruction import distance, sums_of
from python_jobs.interactions.popularity import counts_of, shares
from python_jobs.publishing.rows import ListRules, tables_without_users
from python_jobs.tracking.record import TrainedModel, Users

if TYPE_CHECKING:
    from python_jobs.distributed.learned import OnWorkers
    from python_jobs.interactions.dataset import Dataset
    from python_jobs.progress import Bar, Phases
    from python_jobs.publishing.staging import Tables


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
        """Bring the users here, a partition after the other; each is forgotten once it is had."""
        for at in range(len(self.learned.parts)):
            yield self._users_of(at)

    def _users_of(self, at: int) -> Users:
        workers, part = self.learned.workers, self.learned.parts[at]
        told = workers.results([workers.submit(at, ids_of, part), self.fitted.W[at]])
        (ids, fingerprints), factors = told
        return Users(factors, ids, fingerprints)

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
        counted = [workers.submit(at, counts_of, cells) for at, cells in enumerate(self.weighed)]
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
