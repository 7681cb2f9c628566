"""The rollback job: an earlier run becomes current again, and its version the champion."""

from __future__ import annotations

from python_jobs.errors import UserError
from python_jobs.jobs.going_live import go_live
from python_jobs.jobs.live import Live, version_of
from python_jobs.publishing.history import PublishedRun, find_run
from python_jobs.tracking.store import Tracking
from python_jobs.warehouse.connection import Warehouse


def roll_back(
    warehouse: Warehouse, tracking: Tracking, live: Live, run_id: str
) -> tuple[PublishedRun, list[str]]:
    """Make an earlier published run current again by appending its row anew.

    Returns
    -------
    tuple
        The run, and what was left undone after it became current, in words.

    Raises
    ------
    UserError
        If no such run was published, its recommendations are no longer kept, or its model is not in
        this MLflow store, so that the champion could not follow. Nothing is changed then.
    """
    run = find_run(warehouse, run_id)
    if rows_of(warehouse, run_id) != run.recommendations:
        raise UserError(
            f"The recommendations of run {run_id} are no longer kept.",
            "`python_jobs runs` shows which runs are; train again for this one's model.",
        )
    version_of(tracking, run)
    if run.current:
        return run, []
    return run, go_live(warehouse, tracking, run.row(), live, keep=None)


def rows_of(warehouse: Warehouse, run_id: str) -> int:
    """Count a run's recommendations that are still there."""
    lists = warehouse.published("recommendations")
    counted = warehouse.client.command(
        f"select count() from {lists} where run_id = {{run_id:String}}",
        parameters={"run_id": run_id},
    )
    return int(str(counted))
