"""The forget job: a user is in nothing any more that this project keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.dbt.relation import Relation
from python_jobs.publishing.forgetting import remove_copies, remove_rows, say_how_many_are_left
from python_jobs.publishing.holders import Holder, Holders, find_holders, raw_rows
from python_jobs.publishing.retention import remove_leftovers
from python_jobs.tracking.forgetting import remove_from_runs, runs_with
from python_jobs.tracking.scratch import remove_abandoned
from python_jobs.tracking.store import Tracking
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.explained_errors import ACCESS_DENIED, error_code
from python_jobs.warehouse.replicas import replicated_among


@dataclass(frozen=True)
class Traces:
    """Where a user is."""

    tables: Holders
    raw: dict[str, int | None]
    """For each raw table, which stay as they are, its rows of the user; None where it may not be
    read."""
    runs: list[str]
    """MLflow runs whose model holds the user."""
    unread: dict[str, str]
    """MLflow runs whose model could not be read, and why."""

    def __bool__(self) -> bool:
        tables = self.tables
        return bool(tables.published or tables.staged or tables.built or self.runs)


@dataclass(frozen=True)
class Forgotten:
    """What is left of a user afterwards."""

    built: list[Holder] = field(default_factory=list)
    """Tables of dbt's that this user of ClickHouse may not change."""
    unseen: list[Relation] = field(default_factory=list)
    """Tables of dbt's that may have the user, and that this user of ClickHouse may not read."""
    staged: list[Holder] = field(default_factory=list)
    """Tables of a job that is running, or died within the last day."""
    failed: dict[str, str] = field(default_factory=dict)
    """MLflow runs whose artifacts could not be read or rewritten, and why."""

    def __bool__(self) -> bool:
        return bool(self.built or self.unseen or self.staged or self.failed)


def find_traces(warehouse: Warehouse, tracking: Tracking, user_id: int) -> Traces:
    """Look for a user everywhere; change nothing."""
    runs, unread = runs_with(tracking, user_id)
    return Traces(find_holders(warehouse, user_id), raw_rows(warehouse, user_id), runs, unread)


def forget(
    warehouse: Warehouse, tracking: Tracking, found: Traces, user_id: int, done: Callable[[], None]
) -> Forgotten:
    """Remove a user from what is published, from MLflow's models and from the marts.

    What dies in between is finished by running it again, where nothing of the user may be left but
    copies without the user. ``done`` is called after each model.

    Raises
    ------
    UserError
        If something else writes to a table meanwhile, or a replica is missing.
    """
    tables = found.tables
    relations = [holder.relation for holder in (*tables.published, *tables.built)]
    known = warehouse.replicated | replicated_among(warehouse.client, relations)
    warehouse = replace(warehouse, replicated=known)
    remove_copies(warehouse)
    remove_abandoned()
    say_how_many_are_left(warehouse, user_id)
    for holder in tables.published:
        remove_rows(warehouse, holder, user_id)
    remove_leftovers(warehouse)
    failed = found.unread | remove_from_runs(tracking, found.runs, user_id, done)
    kept = []
    for holder in tables.built:
        try:
            remove_rows(warehouse, holder, user_id)
        except ClickHouseError as error:
            if error_code(error) != ACCESS_DENIED:
                raise
            kept.append(holder)
    return Forgotten(kept, tables.unseen, find_holders(warehouse, user_id).staged, failed)
