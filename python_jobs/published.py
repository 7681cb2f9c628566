"""Reading back what was published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from python_jobs.warehouse import Warehouse


@dataclass(frozen=True)
class PublishedRun:
    """One published run, as its latest commit row has it."""

    run_id: str
    published_at: datetime
    """Time of its latest publication, UTC; a rollback publishes a run again."""
    model_version: str
    users: int
    movies: int
    interactions: int
    recommendations: int
    params: dict[str, str]
    metrics: dict[str, float]
    current: bool
    """Whether readers get this run's recommendations."""
    kept: bool
    """Whether its recommendations are still there to roll back to."""


def list_runs(warehouse: Warehouse) -> list[PublishedRun]:
    """Return the published runs, the current one first, then newest first."""
    runs, live = warehouse.published("training_runs"), warehouse.published("recommendations")
    found = warehouse.client.query(
        f"""
        select
            run_id,
            published_at,
            model_version,
            users,
            movies,
            interactions,
            recommendations,
            params,
            metrics,
            published_at = max(published_at) over () as current,
            recommendations = 0 or run_id in (
                select partition
                from system.parts
                where active and database = {{database:String}} and table = {{table:String}}
            ) as kept
        from {runs}
        order by published_at desc
        limit 1 by run_id
        """,
        parameters={"database": live.database, "table": live.table},
    )
    return [
        PublishedRun(**{**row, "current": bool(row["current"]), "kept": bool(row["kept"])})
        for row in found.named_results()
    ]
