"""What has been published, and which run is live: read from ``training_runs``, which decides it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from python_jobs.errors import UserError
from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class TrainingRun:
    """What a run was and where it came from: the columns of its row but ``published_at``."""

    run_id: str
    mlflow_run_id: str
    """The MLflow run of the model; ``run_id`` itself where the run trained it."""
    model_name: str
    model_version: str
    dataset_id: str
    """The data set it was made from; empty where a release before 0.2.0 made it."""
    dataset_label: str
    users: int
    movies: int
    interactions: int
    recommendations: int
    params: dict[str, str]
    metrics: dict[str, float]
    dbt_invocation_id: str
    git_commit: str


@dataclass(frozen=True)
class PublishedRun(TrainingRun):
    """One published run, as its latest row has it."""

    first_published_ms: int
    """Time of its first publication, milliseconds since 1970."""
    published_ms: int
    """Time of its latest publication, milliseconds since 1970; a rollback publishes a run again."""
    current: bool
    """Whether readers get this run's recommendations."""
    kept: bool
    """Whether its recommendations are still there to roll back to."""

    @property
    def published_at(self) -> datetime:
        """Time of its latest publication, UTC."""
        return datetime.fromtimestamp(self.published_ms / 1000, UTC)

    @property
    def first_published_at(self) -> datetime:
        """Time of its first publication, UTC."""
        return datetime.fromtimestamp(self.first_published_ms / 1000, UTC)

    def row(self) -> TrainingRun:
        """Return the run without what only its last publication was."""
        return TrainingRun(**{field.name: getattr(self, field.name) for field in ROW})


ROW = fields(TrainingRun)
LISTED = 10
"""Runs that a message names."""


def list_runs(warehouse: Warehouse) -> list[PublishedRun]:
    """Return the published runs, the current one first, then newest first."""
    return _runs(warehouse, "true", {})


def current_run(warehouse: Warehouse) -> PublishedRun | None:
    """Return the run that readers get; None where nothing has been published."""
    current = warehouse.published("current_run")
    found = _runs(warehouse, f"run_id in (select run_id from {current})", {})
    return found[0] if found else None


def find_run(warehouse: Warehouse, run_id: str) -> PublishedRun:
    """Return the published run that an id, or the beginning of one, means.

    Raises
    ------
    UserError
        If no such run was ever published, or more than one begins so; it says which there are.
    """
    runs = list_runs(warehouse)
    found = [run for run in runs if run.run_id.startswith(run_id)]
    exact = [run for run in found if run.run_id == run_id]
    if len(found) == 1 or exact:
        return (exact or found)[0]
    if found:
        raise UserError(
            f"{len(found)} published runs begin with {run_id!r}: {_listed(found)}.",
            "Give more digits of the one that is meant.",
        )
    kept = [run for run in runs if run.kept]
    raise UserError(
        f"No run {run_id} was ever published.",
        f"These are kept: {_listed(kept)}." if kept else "Nothing has been published yet.",
    )


def _listed(runs: list[PublishedRun]) -> str:
    """Return runs in words, the newest first, and no more than can be read."""
    named = [f"{run.run_id} (version {run.model_version})" for run in runs[:LISTED]]
    more = [f"and {len(runs) - LISTED} more in `python_jobs runs`"] if len(runs) > LISTED else []
    return ", ".join([*named, *more])


def require_rows(warehouse: Warehouse, run: TrainingRun) -> None:
    """Refuse a run whose recommendations are not all there.

    Raises
    ------
    UserError
        If another job has dropped them.
    """
    counted = warehouse.number(
        f"select count() from {warehouse.published('recommendations')} "
        "where run_id = {run_id:String}",
        {"run_id": run.run_id},
    )
    if counted != run.recommendations:
        raise UserError(
            f"The recommendations of run {run.run_id} are no longer kept.", _instead(warehouse, run)
        )


def _instead(warehouse: Warehouse, run: TrainingRun) -> str:
    """Return what there is in the place of a run whose lists are gone."""
    kept = [other for other in list_runs(warehouse) if other.kept and other.run_id != run.run_id]
    same = [other for other in kept if _models(other) == _models(run)]
    if same:
        return f"The last lists of its version are those of run {same[0].run_id}."
    if kept:
        return f"These are kept: {_listed(kept)}."
    return "Train again for its model."


def _models(run: TrainingRun) -> tuple[str | None, ...]:
    """Return whose lists a run holds: in an experiment those of two versions."""
    told = (run.params.get(name) for name in ("experiment", "challenger_version"))
    return (run.model_name, run.model_version, *told)


def _runs(warehouse: Warehouse, condition: str, parameters: dict[str, Any]) -> list[PublishedRun]:
    lists = warehouse.published("recommendations")
    found = warehouse.client.query(
        f"""
        select
            {", ".join(field.name for field in ROW)},
            toUnixTimestamp64Milli(min(published_at) over (partition by run_id))
                as first_published_ms,
            toUnixTimestamp64Milli(published_at) as published_ms,
            run_id in (select run_id from {warehouse.published("current_run")}) as current,
            recommendations = 0 or run_id in (
                select partition
                from system.parts
                where active and database = {{database:String}} and table = {{table:String}}
            ) as kept
        from {warehouse.published("training_runs")}
        where {condition}
        order by current desc, published_at desc
        limit 1 by run_id
        """,
        parameters={"database": lists.database, "table": lists.table, **parameters},
    )
    return [
        PublishedRun(**{**row, "current": bool(row["current"]), "kept": bool(row["kept"])})
        for row in found.named_results()
    ]
