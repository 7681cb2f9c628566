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

    def row(self) -> TrainingRun:
        """Return the run without what only its last publication was."""
        return TrainingRun(**{field.name: getattr(self, field.name) for field in ROW})


ROW = fields(TrainingRun)


def list_runs(warehouse: Warehouse) -> list[PublishedRun]:
    """Return the published runs, the current one first, then newest first."""
    return _runs(warehouse, "true", {})


def current_run(warehouse: Warehouse) -> PublishedRun | None:
    """Return the run that readers get; None where nothing has been published."""
    current = warehouse.published("current_run")
    found = _runs(warehouse, f"run_id in (select run_id from {current})", {})
    return found[0] if found else None


def find_run(warehouse: Warehouse, run_id: str) -> PublishedRun:
    """Return a published run.

    Raises
    ------
    UserError
        If no such run was ever published.
    """
    found = _runs(warehouse, "run_id = {run_id:String}", {"run_id": run_id})
    if not found:
        raise UserError(
            f"No run {run_id} was ever published.", "`python_jobs runs` lists those that were."
        )
    return found[0]


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
            f"The recommendations of run {run.run_id} are no longer kept.",
            "`python_jobs runs` shows which runs are; train again for this one's model.",
        )


def _runs(warehouse: Warehouse, condition: str, parameters: dict[str, Any]) -> list[PublishedRun]:
    lists = warehouse.published("recommendations")
    found = warehouse.client.query(
        f"""
        select
            {", ".join(field.name for field in ROW)},
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
