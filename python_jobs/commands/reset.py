"""``python_jobs reset``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from python_jobs.commands.options import dbt_options, mlflow_options, setting
from python_jobs.commands.session import mlflow_session
from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import UserError

if TYPE_CHECKING:
    from python_jobs.jobs.reset import Belongings
    from python_jobs.tracking.store import Tracking
    from python_jobs.warehouse.connection import Warehouse

NOTHING_REMOVED = "Nothing was removed"


@click.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask. It has to be typed, each time.")
@setting(
    "--database",
    "On a server, the database whose rows are removed; without a terminal it must be given.",
    variable="DATAFLIX_RESET_DATABASE",
    metavar="NAME",
)
@mlflow_options
@dbt_options
def command(
    yes: bool, database: str | None, experiment: str, model_name: str, dbt: DbtOptions
) -> None:
    """Remove all that was published, and begin anew; it asks before.

    The rows of the tables in the database `ml` go, what is kept of the outcomes of publications,
    and MLflow's aliases of their models. Raw tables, the marts, and MLflow's runs and versions
    stay.

    \b
    Example:
        python_jobs reset
    """
    with mlflow_session(dbt, experiment, model_name, "python_jobs.jobs.reset") as job:
        from python_jobs.jobs.reset import belongings, reset

        found = belongings(job.warehouse, job.tracking)
        if not found:
            click.echo("There is nothing to remove: nothing has been published.")
            return
        if job.phases.progress:
            # What it draws would go over the question.
            job.phases.progress.stop()
        name = job.warehouse.published("training_runs").database
        click.echo(described(found, job.warehouse, job.tracking, name), err=not sys.stdout.isatty())
        require_consent(name, database, yes=yes, embedded=job.warehouse.embedded)
        kept = reset(job.warehouse, job.tracking, found)
    click.echo(
        "Removed. Dashboards are empty after: dbt build --selector after_training\n"
        "The next `python_jobs train` begins anew."
    )
    if kept:
        click.echo(
            f"This user of ClickHouse may not empty {', '.join(map(str, kept))}; the marts show "
            "nothing of what is there after that build."
        )


def described(found: Belongings, warehouse: Warehouse, tracking: Tracking, database: str) -> str:
    """Return what will be removed, and from where, in words."""
    credentials = warehouse.project.credentials
    where = "the embedded database" if warehouse.embedded else f"ClickHouse at {credentials.host}"
    lines = [f"This cannot be undone. From {where}, database {database}, it removes:"]
    lines += [f"  {rows:,} rows of {table}" for table, rows in found.rows.items() if rows]
    if found.aliases:
        aliases = " and ".join(found.aliases)
        lines.append(
            f"and from MLflow at {tracking.shown_uri} the alias {aliases} of {tracking.model_name}."
        )
    lines.append("Raw tables, marts, and MLflow's runs and versions stay.")
    return "\n".join(lines)


def require_consent(name: str, database: str | None, *, yes: bool, embedded: bool) -> None:
    """Ask, unless it was said already; a server's database has to be named.

    Raises
    ------
    UserError
        If the answer is no, the database is another, or there is nobody to ask.
    """
    if database is not None and database != name:
        raise UserError(
            f"{NOTHING_REMOVED}: --database is {database!r}, and this target's is {name!r}.",
            "Check --target.",
        )
    if yes and (embedded or database == name):
        return
    if not sys.stdin.isatty():
        consent = "--yes" if embedded else f"--yes --database {name}"
        raise UserError(
            f"{NOTHING_REMOVED}: a person has to say so, on a terminal.", f"Or give {consent}."
        )
    if embedded:
        agreed = click.prompt("Remove all of it? [y/N]", default="", show_default=False) == "y"
    else:
        agreed = click.prompt("Type the database's name to remove it", default="") == name
    if not agreed:
        raise UserError(f"{NOTHING_REMOVED}.")
