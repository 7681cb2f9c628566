"""The order of publishing: stage → verify → swap, then commit; readers see a run whole or not.

Every published table is partitioned by ``run_id``. A run's rows are loaded into a staging table of
its own, checked there, and swapped in with REPLACE PARTITION; only then one row in
``training_runs`` makes the run current (:mod:`python_jobs.publishing.commit`). Whatever dies before
that row leaves the previous run current and whole, and doing it all again changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.retention import remove_leftovers
from python_jobs.publishing.staging import Tables, drop_staging, stage, swap_in
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.replicas import require_every_replica


def place_rows(warehouse: Warehouse, run: TrainingRun, tables: Tables) -> TrainingRun:
    """Put a run's rows in the published tables, where no reader looks for them before the commit.

    Parameters
    ----------
    warehouse
        An open warehouse whose published tables exist.
    run
        The run; its ``recommendations`` are counted here.
    tables
        For each published table its rows in blocks, consumed once, or what fills it.

    Returns
    -------
    TrainingRun
        The run as it is to be committed.

    Raises
    ------
    UserError
        If the staged rows fail a check, or a replica is missing that has to have them; nothing that
        readers see has changed then.
    """
    for table in tables:
        require_every_replica(warehouse, warehouse.published(table))
    remove_leftovers(warehouse)
    try:
        rows = {name: stage(warehouse, name, run.run_id, blocks) for name, blocks in tables.items()}
        for table in tables:
            swap_in(warehouse, table, run.run_id, rows[table])
    finally:
        for table in tables:
            drop_staging(warehouse, table, run.run_id)
    return replace(run, recommendations=rows["recommendations"])
