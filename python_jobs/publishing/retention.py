"""What is kept of published runs, and what a dead attempt left behind."""

from __future__ import annotations

from python_jobs.dbt.relation import Relation
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.replicas import catch_up

PUBLISHED_TABLES = ("recommendations", "similar_movies", "movie_factors", "dataset_samples")
"""Tables that are partitioned by ``run_id``. The lists come first: a run that has them
has the rest, wherever dropping it was interrupted."""

GRACE_HOURS = 24
"""Age at which an uncommitted attempt on a server counts as dead; embedded has no other process."""


def remove_leftovers(warehouse: Warehouse) -> None:
    """Drop the staging tables and the uncommitted partitions of attempts that died."""
    runs = warehouse.published("training_runs")
    grace = 0 if warehouse.embedded else GRACE_HOURS
    for table in PUBLISHED_TABLES:
        for staging in _staging_tables(warehouse, table, grace):
            warehouse.client.command(f"drop table if exists {staging} sync")
        _drop_runs(warehouse, table, f"run_id not in (select run_id from {runs})", grace)


def remove_old_runs(warehouse: Warehouse, keep: int) -> None:
    """Drop all but the newest run of each of the newest ``keep`` model versions.

    Versions are counted and not runs, so that scoring hourly with one version does not push out
    the versions that a rollback needs; nor does an experiment push out the lists that its champion
    has alone, since it counts as a version of its own. The run before the current one is kept in
    any case: a reader may still be reading it.
    """
    runs = warehouse.published("training_runs")
    catch_up(warehouse, runs)
    kept = f"""
        select argMax(run_id, (published_at, run_id))
        from {runs}
        group by model_name, model_version, params['experiment'], params['challenger_version']
        order by max(published_at) desc
        limit {int(keep)}
    """
    newest = f"select run_id from {runs} group by run_id order by max(published_at) desc limit 2"
    old = (
        f"run_id in (select run_id from {runs}) and run_id not in ({kept}) "
        f"and run_id not in ({newest}) "
        f"and run_id not in (select run_id from {warehouse.published('current_run')})"
    )
    for table in PUBLISHED_TABLES:
        _drop_runs(warehouse, table, old, grace_hours=0)


def _staging_tables(warehouse: Warehouse, table: str, grace_hours: int) -> list[Relation]:
    """Return a table's staging tables that are old enough to be dead."""
    live = warehouse.published(table)
    found = warehouse.client.query(
        """
        select name
        from system.tables
        where database = {database:String}
            and startsWith(name, {prefix:String})
            and metadata_modification_time <= now() - interval {grace:UInt32} hour
        """,
        parameters={
            "database": live.database,
            "prefix": f"{live.table}__staging_",
            "grace": grace_hours,
        },
    )
    return [live.beside(name) for (name,) in found.result_rows]


def _drop_runs(warehouse: Warehouse, table: str, condition: str, grace_hours: int) -> None:
    """Drop the partitions whose ``run_id`` meets a condition and that are old enough."""
    live = warehouse.published(table)
    found = warehouse.client.query(
        f"""
        select partition as run_id
        from system.parts
        where active and database = {{database:String}} and table = {{table:String}} and {condition}
        group by partition
        having max(modification_time) <= now() - interval {{grace:UInt32}} hour
        """,
        parameters={"database": live.database, "table": live.table, "grace": grace_hours},
    )
    current = warehouse.published("current_run")
    is_current = f"select count() from {current} where run_id = {{run_id:String}}"
    for (run_id,) in found.result_rows:
        # Somebody may have rolled back to it since.
        catch_up(warehouse, warehouse.published("training_runs"))
        if warehouse.number(is_current, {"run_id": run_id}):
            continue
        warehouse.client.command(
            f"alter table {live} drop partition {{run_id:String}}", parameters={"run_id": run_id}
        )
