"""The last steps of every job that publishes: commit, then MLflow's alias, then housekeeping.

ClickHouse's row is what is live. What comes after it can fail without changing that, and is made
good by the next command, so that it is a warning and no error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.errors import UserError
from python_jobs.publishing.commit import ChangedMeanwhileError, commit, published_but
from python_jobs.publishing.history import PublishedRun, TrainingRun, current_run
from python_jobs.publishing.retention import remove_old_runs
from python_jobs.tracking.registry import (
    CHAMPION,
    RegisteredModel,
    aliased,
    follow,
    load_model,
    version_of,
)
from python_jobs.tracking.store import Tracking, is_store_error, reason
from python_jobs.warehouse import Warehouse


@dataclass(frozen=True)
class Live:
    """What is live as a job begins: what it commits against."""

    run: PublishedRun | None
    """ClickHouse's current run; None where nothing has been published."""
    champion: str | None
    """Version that MLflow's alias points at; None where there is none."""


def find_live(warehouse: Warehouse, tracking: Tracking) -> tuple[Live, str]:
    """Return what is live, and bring MLflow's alias in line with it.

    Returns
    -------
    tuple
        What is live, and a sentence on what was done or could not be; empty where all agreed.
    """
    run = current_run(warehouse)
    if run is None:
        return Live(None, None), ""
    try:
        before = follow(tracking, run)
    except UserError as error:
        return Live(run, aliased(tracking, run.model_name, CHAMPION)), f"Warning: {error}"
    note = ""
    if before:
        note = (
            f"MLflow's {CHAMPION} of {run.model_name} was {before}; it is version "
            f"{run.model_version} now, whose lists are live (run {run.run_id})."
        )
    return Live(run, run.model_version), note


def load_live(tracking: Tracking, live: Live) -> RegisteredModel:
    """Return the model whose lists are live.

    Raises
    ------
    UserError
        If nothing is live, or its model is not in this store or cannot be read.
    """
    if live.run is None:
        raise UserError(
            "Nothing has been published yet, so that there is no model to go by.",
            "Run `python_jobs train` first.",
        )
    return load_model(version_of(tracking, live.run))


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
