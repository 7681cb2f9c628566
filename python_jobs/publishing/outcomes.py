"""What came of publications and of experiments, as dbt's marts have it, for the screens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from python_jobs.warehouse.connection import Warehouse

SHOWN = 10
"""Publications that a screen has room for."""
WINDOWS = ("1_day", "7_days", "28_days")


@dataclass(frozen=True)
class Outcome:
    """What was watched of the lists of one publication, over all ranks."""

    run_id: str
    published_at: datetime
    """UTC."""
    arm: str
    """``champion`` or ``challenger`` in an experiment; empty elsewhere."""
    version: str
    rates: tuple[float | None, ...]
    """Share of what was recommended that was watched or rated, 0 to 1, for each of
    :data:`WINDOWS`; None where that has not passed."""
    popular: tuple[float | None, ...]
    """The same of lists of the most popular movies."""


@dataclass(frozen=True)
class Finding:
    """What an experiment has found in a window."""

    experiment: str
    window_days: int
    champion: float | None
    challenger: float | None
    """Mean hit rates of the arms' users, 0 to 1; None where the window has not passed."""
    least: float | None
    most: float | None
    """The interval of the difference."""
    verdict: str


def read_outcomes(warehouse: Warehouse) -> list[Outcome]:
    """Return the latest publications of which something is known, the newest first."""
    if not _is_there(warehouse, "mart_recommendation_outcomes"):
        return []
    sums = ", ".join(
        f"sum({hits}_within_{window}) / nullIf(sum(shown_within_{window}), 0)"
        for hits in ("hits", "popular_hits")
        for window in WINDOWS
    )
    rows = warehouse.client.query(
        f"""
        select run_id, toUnixTimestamp64Milli(published_at) as at, arm, any(model_version), {sums}
        from {warehouse.project.model("mart_recommendation_outcomes")}
        group by run_id, published_at, arm
        having sum(shown_within_1_day) > 0
        order by at desc, run_id, arm
        limit {SHOWN}
        """
    ).result_rows
    return [
        Outcome(
            run_id=str(run_id),
            published_at=datetime.fromtimestamp(at / 1000, UTC),
            arm=str(arm),
            version="" if version is None else str(version),
            rates=tuple(figures[: len(WINDOWS)]),
            popular=tuple(figures[len(WINDOWS) :]),
        )
        for run_id, at, arm, version, *figures in rows
    ]


def read_findings(warehouse: Warehouse) -> list[Finding]:
    """Return what the latest experiments have found, the newest first."""
    if not _is_there(warehouse, "mart_experiment_outcomes"):
        return []
    rows = warehouse.client.query(
        f"""
        select
            experiment, window_days, champion_hit_rate, challenger_hit_rate, difference_from,
            difference_to, toString(verdict)
        from {warehouse.project.model("mart_experiment_outcomes")}
        order by started_at desc, experiment, window_days
        limit {SHOWN}
        """
    ).result_rows
    return [Finding(*row) for row in rows]


def _is_there(warehouse: Warehouse, model: str) -> bool:
    """Return whether dbt has built a model, which it has not before the first build of it."""
    relation = warehouse.project.model(model)
    return bool(
        warehouse.number(
            "select count() from system.tables "
            "where database = {database:String} and name = {table:String}",
            {"database": relation.database, "table": relation.table},
        )
    )
