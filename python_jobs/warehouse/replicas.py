"""More than one replica: which tables have them, who is missing, and what is waited for.

On a single server and embedded no table is replicated, and nothing here does anything. The commit
of a run rests on ClickHouse's own rules: an ``insert`` with a deduplication token is taken once on
all replicas together, since Keeper decides; ``system sync replica`` returns when this replica has
all that was written to a table on any, before it was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.dbt.relation import Relation, quoted
from python_jobs.errors import UserError

if TYPE_CHECKING:
    from python_jobs.warehouse.connection import Warehouse

ON_EVERY_REPLICA = {"alter_sync": 2, "replication_wait_for_inactive_replica_timeout": 60}
"""Settings of a change of partitions that returns when every replica has made it, and gives up when
one has been away for a minute (s)."""
WHERE_A_QUORUM_HAS_IT = {"insert_quorum": "auto", "insert_quorum_timeout": 60_000}
"""Settings of an insert that returns when more than half of the replicas have the row, of two both;
it gives up after a minute (ms), before the client does."""


def on_cluster(warehouse: Warehouse) -> str:
    """Return the ``on cluster`` of a statement, where the profile names a cluster."""
    cluster = warehouse.project.credentials.cluster
    return f"on cluster {quoted(cluster)}" if cluster else ""


def table_engine(warehouse: Warehouse, database: str) -> str:
    """Return the engine of a table that a job makes; macros/table_engine.sql has the same rule."""
    replicated = bool(warehouse.project.credentials.cluster)
    if not (replicated or warehouse.embedded):
        found = warehouse.client.query(
            "select engine from system.databases where name = {database:String}",
            parameters={"database": database},
        ).result_rows
        replicated = found == [("Replicated",)]
    return "ReplicatedMergeTree" if replicated else "MergeTree"


def catch_up_everywhere(warehouse: Warehouse, relations: Iterable[Relation]) -> None:
    """Wait until every replica of a cluster has what was written to some tables."""
    if clause := on_cluster(warehouse):
        for relation in relations:
            warehouse.client.command(f"system sync replica {clause} {relation}")


def replicated_among(client: Client, relations: Iterable[Relation]) -> frozenset[Relation]:
    """Return which of some tables are replicated."""
    wanted = set(relations)
    found = client.query(
        """
        select database, name
        from system.tables
        where database in {databases:Array(String)} and engine like 'Replicated%'
        """,
        parameters={"databases": sorted({relation.database for relation in wanted})},
    )
    return frozenset(wanted & {Relation(*row) for row in found.result_rows})


def catch_up(warehouse: Warehouse, *relations: Relation) -> None:
    """Wait until this replica has what was written to some tables on any replica."""
    for relation in relations:
        if relation in warehouse.replicated:
            warehouse.client.command(f"system sync replica {relation}")


def on_every_replica(warehouse: Warehouse, relation: Relation) -> dict[str, Any]:
    """Return the settings of a change of a table's partitions that all replicas have to make."""
    return ON_EVERY_REPLICA if relation in warehouse.replicated else {}


def where_a_quorum_has_it(warehouse: Warehouse, relation: Relation) -> dict[str, Any]:
    """Return the settings of an insert into a table that a quorum of its replicas has to have."""
    return WHERE_A_QUORUM_HAS_IT if relation in warehouse.replicated else {}


def missing_replicas(warehouse: Warehouse, relation: Relation) -> list[str]:
    """Return the names of a table's replicas that are not connected to Keeper."""
    if relation not in warehouse.replicated:
        return []
    found = warehouse.client.query(
        """
        select arrayJoin(mapKeys(mapFilter((name, active) -> not active, replica_is_active)))
        from system.replicas
        where database = {database:String} and table = {table:String}
        order by all
        """,
        parameters={"database": relation.database, "table": relation.table},
    )
    return [name for (name,) in found.result_rows]


def require_every_replica(warehouse: Warehouse, relation: Relation) -> None:
    """Refuse to begin what cannot be finished while a replica of a table is missing.

    Raises
    ------
    UserError
        If one is. It names it.
    """
    if missing := missing_replicas(warehouse, relation):
        raise _missing(relation, missing)


@contextmanager
def missing_replicas_named(warehouse: Warehouse, relation: Relation) -> Iterator[None]:
    """Name the replica of a table that went away meanwhile, where a statement fails for it.

    Raises
    ------
    UserError
        In place of ClickHouse's error, which tells times and paths.
    """
    try:
        yield
    except ClickHouseError as error:
        if missing := _missing_if_known(warehouse, relation):
            raise _missing(relation, missing) from error
        raise


def missing_note(warehouse: Warehouse, relation: Relation) -> str:
    """Return a sentence, with a space before it, that names missing replicas; empty if none is."""
    missing = _missing_if_known(warehouse, relation)
    return f" Replica {' and '.join(missing)} of {relation} is not connected." if missing else ""


def _missing_if_known(warehouse: Warehouse, relation: Relation) -> list[str]:
    """Return the missing replicas after an error, which may have been the end of the connection."""
    try:
        return missing_replicas(warehouse, relation)
    except ClickHouseError:
        return []


def _missing(relation: Relation, names: list[str]) -> UserError:
    return UserError(
        f"Replica {' and '.join(names)} of {relation} is not connected: nothing was published, "
        "since readers there would not get it.",
        "What was published before is still current. Start that server again (SYSTEM DROP REPLICA "
        "takes one that is gone for good out of the cluster), and run the command again.",
    )
