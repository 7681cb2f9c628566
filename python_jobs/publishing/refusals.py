"""What the gate refused, kept beside what was published: what is live does not depend on it."""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.values import as_values
from python_jobs.warehouse.connection import Warehouse
from python_jobs.warehouse.explained_errors import first_line


def record_refusal(
    warehouse: Warehouse, run: TrainingRun, job: str, reasons: tuple[str, ...]
) -> list[str]:
    """Append a refused run to ``refused_runs``, for the dashboards.

    Parameters
    ----------
    warehouse
        An open warehouse.
    run
        The run as it would have been published.
    job
        ``train`` or ``score``.
    reasons
        The gate's reasons, in words.

    Returns
    -------
    list of str
        A warning where it could not be kept: that it was refused is true all the same.
    """
    refused = warehouse.published("refused_runs")
    columns, values, parameters = as_values(run, without=("recommendations",))
    try:
        warehouse.client.command(
            f"insert into {refused} (refused_at, job, reasons, {', '.join(columns)}) "
            f"select now64(3, 'UTC'), {{job:String}}, {{reasons:Array(String)}}, "
            f"{', '.join(values)}",
            parameters={"job": job, "reasons": list(reasons), **parameters},
        )
    except ClickHouseError as error:
        return [
            f"That it was refused is not in {refused}, which dashboards read: {first_line(error)} "
            "After an upgrade run `dbt run` once."
        ]
    return []
