"""The rollback job: an earlier run becomes current again, and its version the champion."""

from __future__ import annotations

from python_jobs.errors import UserError
from python_jobs.interactions.dataset import named
from python_jobs.jobs.going_live import go_live
from python_jobs.jobs.live import Live, version_of
from python_jobs.publishing.history import PublishedRun, find_run, require_rows
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
        If no such run was published, it was made from another data set than the marts hold, its
        recommendations are no longer kept, or its model is not in this MLflow store, so that the
        champion could not follow. Nothing is changed then.
    """
    run = find_run(warehouse, run_id)
    if not live.dataset.holds(run.dataset_id):
        raise UserError(
            f"Run {run.run_id} was made from another data set, "
            f"{named(run.dataset_id, run.dataset_label)}; the marts hold {live.dataset}, and its "
            "lists would name other movies and users.",
            "Point the raw_… vars back at its tables and run `dbt build`; then it can be rolled "
            "back to.",
        )
    require_rows(warehouse, run)
    version_of(tracking, run)
    if run.current:
        return run, []
    return run, go_live(warehouse, tracking, run.row(), live, keep=None)
