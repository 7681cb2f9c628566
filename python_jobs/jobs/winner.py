"""Which arm of the experiment that is live has won: what was typed, or what the mart has found."""

from __future__ import annotations

from python_jobs.errors import UserError
from python_jobs.jobs.experiment import running
from python_jobs.jobs.live import Live
from python_jobs.warehouse.connection import Warehouse


def winner(warehouse: Warehouse, live: Live, arm: str | None) -> str:
    """Return ``champion`` or ``challenger``.

    Parameters
    ----------
    warehouse
        Where ``mart_experiment_outcomes`` is.
    live
        What is live.
    arm
        The arm that was typed; None to go by the longest window that has found one better.

    Raises
    ------
    UserError
        If no experiment is live, or none was typed and the mart cannot tell.
    """
    found = running(live.ours)
    if found is None:
        raise UserError(
            "No experiment is live, so that there is nothing to promote.",
            "`python_jobs train --like challenger --experiment-share 0.1` begins one.",
        )
    if arm:
        return arm
    mart = warehouse.project.model("mart_experiment_outcomes")
    rows = warehouse.client.query(
        f"""
        select verdict
        from {mart}
        where experiment = {{experiment:String}} and challenger_run_id = {{run_id:String}}
            and verdict in ('champion is better', 'challenger is better')
        order by window_days desc
        limit 1
        """,
        parameters={"experiment": found.experiment.name, "run_id": found.run_id},
    ).result_rows
    if not rows:
        raise UserError(
            f"The experiment {found.experiment.name} cannot tell yet which model is better "
            f"({mart}).",
            "Run `dbt build` and look again later, or name the one: `python_jobs promote "
            "challenger` or `python_jobs promote champion`.",
        )
    return str(rows[0][0]).partition(" ")[0]
