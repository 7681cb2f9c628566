"""Publishing: staging → verify → swap → commit row; a reader sees a run whole or not at all.

Every published table is partitioned by ``run_id``. A run's rows are loaded into a staging table of
its own, checked there, and swapped in with REPLACE PARTITION; only then one row in
``training_runs`` makes the run current. Whatever dies before that row leaves the previous run
current and whole, and doing it all again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from numpy.typing import NDArray

from python_jobs.errors import UserError
from python_jobs.relation import Relation
from python_jobs.retention import remove_leftovers, remove_old_runs
from python_jobs.verification import verify
from python_jobs.warehouse import Warehouse

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
"""One block of a table: for each column but ``run_id`` its values, all of the same length."""


@dataclass(frozen=True)
class TrainingRun:
    """The commit row: what the run was, and where it came from."""

    run_id: str
    model_name: str
    model_version: str
    users: int
    movies: int
    interactions: int
    recommendations: int
    params: dict[str, str]
    metrics: dict[str, float]
    dbt_invocation_id: str
    git_commit: str


def publish(
    warehouse: Warehouse, run: TrainingRun, tables: dict[str, Iterable[Columns]], keep: int
) -> TrainingRun:
    """Publish a run's rows and make the run current.

    Parameters
    ----------
    warehouse
        An open warehouse whose published tables exist.
    run
        The run; its ``recommendations`` are counted here.
    tables
        For each published table, its rows in blocks; consumed once.
    keep
        How many runs to keep for rollbacks, the current one included; at least 2, since a reader
        may still be reading the one before.

    Returns
    -------
    TrainingRun
        The run as it was committed.

    Raises
    ------
    UserError
        If the staged rows fail a check; nothing that readers see has changed then.
    """
    remove_leftovers(warehouse)
    try:
        rows = {name: stage(warehouse, name, run.run_id, blocks) for name, blocks in tables.items()}
        for table in tables:
            swap(warehouse, table, run.run_id, rows[table])
    finally:
        for table in tables:
            drop_staging(warehouse, table, run.run_id)
    run = replace(run, recommendations=rows["recommendations"])
    append_run(warehouse, run)
    remove_old_runs(warehouse, keep)
    return run


def staging_of(warehouse: Warehouse, table: str, run_id: str) -> Relation:
    """Return where a run's staging table is."""
    live = warehouse.published(table)
    return live.beside(f"{live.table}__staging_{run_id}")


def stage(warehouse: Warehouse, table: str, run_id: str, blocks: Iterable[Columns]) -> int:
    """Load a run's rows into its staging table, check them there, and return how many there are."""
    live, staging = warehouse.published(table), staging_of(warehouse, table, run_id)
    drop_staging(warehouse, table, run_id)
    warehouse.client.command(f"create table {staging} as {live}")
    # The server fills the one value that all rows share: sending it would double the insert.
    warehouse.client.command(
        f"alter table {staging} modify column run_id String default {{run_id:String}}",
        parameters={"run_id": run_id},
    )
    loaded = sum(load_block(warehouse, staging, block) for block in blocks)
    verify(warehouse, table, staging, loaded)
    return loaded


def load_block(warehouse: Warehouse, staging: Relation, block: Columns) -> int:
    """Insert one block of columns, and return its number of rows."""
    columns: list[Any] = list(block.values())
    rows = len(columns[0])
    if rows:
        names = list(block)
        warehouse.client.insert(str(staging), columns, column_names=names, column_oriented=True)
    return rows


def swap(warehouse: Warehouse, table: str, run_id: str, rows: int) -> None:
    """Put the staged rows in the live table, as its partition of the run."""
    live, staging = warehouse.published(table), staging_of(warehouse, table, run_id)
    if rows:
        statement = f"alter table {live} replace partition {{run_id:String}} from {staging}"
    else:
        # REPLACE PARTITION refuses an empty source.
        statement = f"alter table {live} drop partition {{run_id:String}}"
    warehouse.client.command(statement, parameters={"run_id": run_id})


def drop_staging(warehouse: Warehouse, table: str, run_id: str) -> None:
    """Drop a run's staging table, if there is one."""
    warehouse.client.command(f"drop table if exists {staging_of(warehouse, table, run_id)} sync")


def append_run(warehouse: Warehouse, run: TrainingRun) -> datetime:
    """Append the commit row, which makes the run current, and return its ``published_at``."""
    runs = warehouse.published("training_runs")
    # Later than every other row, even where two machines' clocks disagree.
    published_at: datetime = warehouse.client.query(
        f"select greatest(now64(3, 'UTC'), max(published_at) + interval 1 millisecond) from {runs}"
    ).result_rows[0][0]
    row = {**vars(run), "published_at": published_at}
    warehouse.client.insert(str(runs), [list(row.values())], column_names=list(row))
    return published_at


def rollback(warehouse: Warehouse, run_id: str) -> str:
    """Make an earlier published run current again by appending its row anew.

    Returns
    -------
    str
        The model version of that run.

    Raises
    ------
    UserError
        If no such run was published, or its recommendations are no longer kept.
    """
    runs, live = warehouse.published("training_runs"), warehouse.published("recommendations")
    parameters = {"run_id": run_id}
    found = warehouse.client.query(
        f"select * except published_at from {runs} where run_id = {{run_id:String}} "
        "order by published_at desc limit 1",
        parameters=parameters,
    )
    if not found.row_count:
        raise UserError(
            f"No run {run_id} was ever published.", "`python_jobs runs` lists those that were."
        )
    run = TrainingRun(**next(iter(found.named_results())))
    kept = warehouse.client.command(
        f"select count() from {live} where run_id = {{run_id:String}}", parameters=parameters
    )
    if kept != run.recommendations:
        raise UserError(
            f"The recommendations of run {run_id} are no longer kept.",
            "`python_jobs runs` shows which runs are; train again for this one's model.",
        )
    append_run(warehouse, run)
    return run.model_version
