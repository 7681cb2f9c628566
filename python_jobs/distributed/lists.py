"""Everyone's lists, made and inserted where their factors are.

Each attempt of a worker fills a table of its own name, since one that died may have inserted some
of its rows: only tables that an attempt says are whole become part of the run's staging table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from python_jobs.distributed.cluster import Cluster, Handle
from python_jobs.distributed.source import Source
from python_jobs.errors import UserError
from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.recommendable import Recommendable
from python_jobs.progress import NO_BAR, Bar, Phases
from python_jobs.publishing.rows import ListRules, Ranked, recommendations
from python_jobs.publishing.staging import drop, load_block, make_staging, staging_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.dbt.relation import Relation
    from python_jobs.warehouse.connection import Warehouse

TABLE = "recommendations"


class Piece(NamedTuple):
    """A table that an attempt has filled."""

    table: str
    rows: int


@dataclass(frozen=True)
class Pieces:
    """What fills a run's staging table with everyone's lists."""

    warehouse: Warehouse
    cluster: Cluster
    run_id: str
    pieces: Sequence[Handle]
    """A :class:`Piece` of each partition."""
    users: Sequence[int]
    """How many users each partition has."""
    phases: Phases
    bar: Bar

    def fill(self, staging: Relation) -> int:
        """Wait for the workers, and attach what each has made; return the number of rows.

        Raises
        ------
        UserError
            If rows did not arrive, or a worker says why it could not go on.
        """
        try:
            with self.phases.part("score"):
                self.cluster.finish(self.pieces, lambda at: self.bar.advance(self.users[at]))
                made = self.cluster.results(self.pieces)
            return sum(self._attach(piece, staging) for piece in made)
        finally:
            self._drop_all()

    def _attach(self, piece: Piece, staging: Relation) -> int:
        table = staging.beside(piece.table)
        arrived = self.warehouse.number(f"select count() from {table}")
        if arrived != piece.rows:
            raise UserError(
                f"{piece.rows:,} rows were inserted into {table}, and {arrived:,} are there.",
                "Nothing was published. If CLICKHOUSE_HOST is a load balancer, give driver and "
                "workers one of its servers, and train again.",
            )
        if arrived:
            self.warehouse.client.command(
                f"alter table {staging} attach partition {{run_id:String}} from {table}",
                parameters={"run_id": self.run_id},
            )
        return arrived

    def _drop_all(self) -> None:
        """Drop the tables of all attempts, those that died too."""
        staging = staging_of(self.warehouse, TABLE, self.run_id)
        found = self.warehouse.client.query(
            "select name from system.tables where database = {database:String} "
            "and startsWith(name, {prefix:String})",
            parameters={"database": staging.database, "prefix": f"{staging.table}_"},
        )
        for (name,) in found.result_rows:
            drop(self.warehouse, TABLE, staging.beside(name))


def publish_part(
    source: Source,
    run_id: str,
    part: Interactions,
    weighed: csr_matrix,
    W: NDArray[np.float32],
    H: NDArray[np.float32],
    popularity: NDArray[np.float32],
    rules: ListRules,
) -> Piece:
    """Rank, explain and insert the lists of a partition's users, into a table of this attempt.

    Parameters
    ----------
    source, run_id
        Where to, and of which run.
    part, weighed
        The partition, and its scores as they were fitted.
    W, H
        Factors, users × k and k × movies.
    popularity
        Share of all users who interacted with each movie, 0 to 1.
    rules
        What lists are made by; its users without interactions are those of this partition.

    Raises
    ------
    UserError
        As :meth:`python_jobs.distributed.source.Source.opened` does.
    """
    ranked = Ranked(
        W=W,
        H=H,
        matrix=weighed,
        user_ids=part.user_ids,
        movie_ids=part.movie_ids,
        folded_in=np.zeros(part.user_ids.size, bool),
        cold_users=rules.cold_users,
        popularity=lambda: popularity,
        top=rules.top,
        recommendable=rules.recommendable,
        variety=rules.variety,
        new=rules.new,
    )
    with source.opened() as warehouse:
        staging = staging_of(warehouse, TABLE, run_id)
        piece = staging.beside(f"{staging.table}_{uuid4().hex[:12]}")
        make_staging(warehouse, TABLE, run_id, piece)
        blocks = recommendations(ranked, Phases(), NO_BAR)
        return Piece(piece.table, sum(load_block(warehouse, piece, block) for block in blocks))


def rules_of_parts(rules: ListRules, last_ids: Sequence[int]) -> list[ListRules]:
    """Return what each partition has to know of the rules: nothing of the others' users.

    Users without interactions are shared out evenly.

    Parameters
    ----------
    rules
        Of all users.
    last_ids
        The last user id of each partition, ascending.
    """
    shares = np.array_split(rules.cold_users, len(last_ids))
    first, found = 0, []
    for last, cold in zip(last_ids, shares, strict=True):
        new = rules.new
        if new:
            new = replace(new, recommendable=_of_users(new.recommendable, first, last, cold))
        here = _of_users(rules.recommendable, first, last, cold)
        found.append(replace(rules, recommendable=here, new=new, cold_users=cold))
        first = last + 1
    return found


def _of_users(
    recommendable: Recommendable | None, first: int, last: int, others: NDArray[np.uint64]
) -> Recommendable | None:
    if recommendable is None:
        return None
    ids = recommendable.user_ids
    kept = ((ids >= np.uint64(first)) & (ids <= np.uint64(last))) | np.isin(ids, others)
    return replace(recommendable, user_ids=ids[kept], kinds=recommendable.kinds[kept])
