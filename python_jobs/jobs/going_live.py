"""The last steps of every job that publishes: commit, then MLflow's alias, then housekeeping.

ClickHouse's row is what is live. What comes after it can fail without changing that, and is made
good by the next command, so that it is a warning and no error.
"""

from __future__ import annotations

from collections.abc import Callable

from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.errors import UserError
from python_jobs.jobs.live import Live, follow
from python_jobs.publishing.commit import ChangedMeanwhileError, commit, published_but
from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.retention import remove_old_runs
from python_jobs.tracking.registry import CHAMPION, aliased
from python_jobs.tracking.store import Tracking, is_store_error, reason
from python_jobs.warehouse.connection import Warehouse


def go_live(
    warehouse: Warehouse, tracking: Tracking, run: TrainingRun, began_with: Live, keep: int | None
) -> list[str]:
    """Make a run current whose rows are in place; return what was left undone, in words.

    Parameters
    ----------
    warehouse, tracking
        Where the run is, and where its model is.
    run
        The run.
    began_with
        What was live when the job began.
    keep
        How many model versions keep their lists; None leaves all as they are.

    Raises
    ------
    ChangedMeanwhileError
        If another run is current by now, or MLflow's champion is another. Nothing is changed then.
    UserError
        If it is not certain whether the run is current, or Ctrl-C came after it was; it says so.
    """
    _require_same_champion(tracking, run, began_with)
    live = commit(warehouse, run, began_with.run)
    steps: list[tuple[str, Callable[[], object]]] = [
        (
            f"MLflow's {CHAMPION} does not follow it yet; the next command sees to it",
            lambda: follow(tracking, live),
        ),
    ]
    if keep is not None:
        left = "runs that are no longer kept are still there; the next publication drops them"
        steps.append((left, lambda: remove_old_runs(warehouse, keep)))
    try:
        return [warning for left, step in steps if (warning := _tried(run, left, step))]
    except KeyboardInterrupt as error:
        raise published_but(run, error) from error


def _require_same_champion(tracking: Tracking, run: TrainingRun, began_with: Live) -> None:
    """Refuse where the alias was moved; whether the current run changed, the commit compares."""
    if began_with.run is None:
        return
    now = aliased(tracking, began_with.run.model_name, CHAMPION)
    if now != began_with.champion:
        raise ChangedMeanwhileError(
            f"Run {run.run_id} was not published: MLflow's {CHAMPION} is version {now} by now, and "
            f"was version {began_with.champion} when this command began.",
            "Run the command again; it starts from what is live.",
        )


def _tried(run: TrainingRun, left: str, step: Callable[[], object]) -> str:
    try:
        step()
    except (ClickHouseError, UserError) as error:
        why = str(error)
    except Exception as error:
        if not is_store_error(error):
            raise
        why = reason(error)
    else:
        return ""
    return f"Run {run.run_id} is published and current, but {left}: {why}"
