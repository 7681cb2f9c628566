"""The commit: one row of ``training_runs`` makes a run current, if what was current still is.

The row is appended by one statement that compares and sets: it holds the time, computed by the
server, and the condition that the current run is the one that the job began with. ClickHouse takes
only one insert with a given deduplication token, on all replicas together; here the token says
which row the new one follows, so that of two writers at the same moment one is taken, and the other
finds out: on a cluster, by waiting for what was written through other replicas.
"""

from __future__ import annotations

import time

from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.errors import InterruptedWithNewsError, UserError
from python_jobs.publishing.history import (
    PublishedRun,
    TrainingRun,
    current_run,
    require_rows,
)
from python_jobs.publishing.values import as_values
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.replicas import (
    catch_up,
    missing_note,
    require_every_replica,
    where_a_quorum_has_it,
)

TOKENS = 20
"""Tokens that are tried. Each but the first is for a row that followed the same one before, and has
been deleted by hand: as many deletions are forgiven."""
LOOKS, SECONDS_BETWEEN = 5, 0.2
"""How often, and how far apart, another writer's row is waited for before the next token."""


class ChangedMeanwhileError(UserError):
    """Another run became current since the job began: nothing was published."""


def commit(warehouse: Warehouse, run: TrainingRun, began_with: PublishedRun | None) -> PublishedRun:
    """Make a run current by appending its row, unless the current run has changed.

    Parameters
    ----------
    warehouse
        An open warehouse that holds the run's rows.
    run
        The run.
    began_with
        The run that was current when the job began; None where there was none.

    Returns
    -------
    PublishedRun
        The run as it is current now.

    Raises
    ------
    ChangedMeanwhileError
        If another run is current by now. Nothing was appended then.
    UserError
        If the run's rows are not there, or an error or Ctrl-C came between, and it is not certain
        whether the row arrived.
    """
    try:
        return _compare_and_append(warehouse, run, _place(began_with))
    except (ClickHouseError, KeyboardInterrupt) as error:
        note = missing_note(warehouse, warehouse.published("training_runs"))
        if _is_live(warehouse, run, _place(began_with)):
            raise published_but(run, error, note) from error
        raise _uncertain(run, error, note) from error


def _compare_and_append(warehouse: Warehouse, run: TrainingRun, place: str) -> PublishedRun:
    runs = warehouse.published("training_runs")
    catch_up(warehouse, runs, warehouse.published("recommendations"))
    require_every_replica(warehouse, runs)
    for attempt in range(TOKENS):
        _append(warehouse, run, place, f"{place}/{attempt}")
        for _ in range(LOOKS):
            catch_up(warehouse, runs)
            live = current_run(warehouse)
            if live and live.run_id == run.run_id and _place(live) != place:
                return live
            if _place(live) != place:
                raise _changed_meanwhile(run, live)
            # A rollback's rows may just have been dropped by another job's housekeeping.
            require_rows(warehouse, run)
            time.sleep(SECONDS_BETWEEN)
    raise UserError(
        f"Run {run.run_id} was not published: ClickHouse took its row of "
        f"{warehouse.published('training_runs')} for a repetition.",
        "What was published before is still current. Run the command again.",
    )


def _place(run: PublishedRun | None) -> str:
    """Return what tells a row of ``training_runs`` from all others; ``/0`` is before the first."""
    return f"{run.run_id}/{run.published_ms}" if run else "/0"


def _append(warehouse: Warehouse, run: TrainingRun, place: str, token: str) -> None:
    runs = warehouse.published("training_runs")
    columns, values, parameters = as_values(run)
    warehouse.client.command(
        f"""
        insert into {runs} (published_at, {", ".join(columns)})
        select
            greatest(
                now64(3, 'UTC'),
                (select max(published_at) + interval 1 millisecond from {runs})
            ),
            {", ".join(values)}
        where {{place:String}} = (
            select concat(max(run_id), '/', toString(max(toUnixTimestamp64Milli(published_at))))
            from {warehouse.published("current_run")}
        )
        and {{recommendations:UInt64}} = (
            select count()
            from {warehouse.published("recommendations")}
            where run_id = {{run_id:String}}
        )
        """,
        parameters={"place": place, **parameters},
        settings={"insert_deduplication_token": token, **where_a_quorum_has_it(warehouse, runs)},
    )


def _is_live(warehouse: Warehouse, run: TrainingRun, place: str) -> bool:
    try:
        live = current_run(warehouse)
    except ClickHouseError:
        return False
    return live is not None and live.run_id == run.run_id and _place(live) != place


def _changed_meanwhile(run: TrainingRun, live: PublishedRun | None) -> ChangedMeanwhileError:
    """Return the error that says that a run was overtaken by another."""
    now = f"run {live.run_id} (version {live.model_version}) is" if live else "no run is"
    return ChangedMeanwhileError(
        f"Run {run.run_id} was not published: {now} current by now, which it was not when this "
        "command began.",
        "Run the command again if its lists are wanted all the same; it starts from what is live.",
    )


def published_but(run: TrainingRun, error: BaseException, note: str = "") -> UserError:
    """Return the error of what failed, or was interrupted, after a run became current."""
    message = f"Run {run.run_id} (version {run.model_version}) is published and current"
    hint = (
        "MLflow's champion may not follow it yet, and old runs may not be dropped; the next train, "
        f"score or rollback sees to both.{note}"
    )
    if isinstance(error, KeyboardInterrupt):
        return InterruptedWithNewsError(f"{message} all the same.", hint)
    return UserError(f"{message}; what came after failed: {error}", hint)


def _uncertain(run: TrainingRun, error: BaseException, note: str) -> UserError:
    hint = f"`python_jobs runs` shows whether it is current.{note}"
    if isinstance(error, KeyboardInterrupt):
        return InterruptedWithNewsError(f"Run {run.run_id} was being made current.", hint)
    return UserError(f"Run {run.run_id} may not have been made current: {error}", hint)
