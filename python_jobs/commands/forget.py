"""``python_jobs forget``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from python_jobs.commands.options import dbt_options, mlflow_options, setting, user_id
from python_jobs.commands.reset import require_consent
from python_jobs.commands.session import mlflow_session
from python_jobs.dbt.project import DbtOptions, DbtProject
from python_jobs.errors import UserError
from python_jobs.snapshot.place import has_snapshot

if TYPE_CHECKING:
    from python_jobs.jobs.forget import Forgotten, Traces
    from python_jobs.publishing.holders import Holder


@click.command("forget")
@click.argument("user", type=user_id, metavar="USER_ID")
@click.option("--yes", is_flag=True, help="Do not ask. It has to be typed, each time.")
@setting(
    "--database",
    "On a server, the database whose rows are removed; without a terminal it must be given.",
    variable="DATAFLIX_FORGET_DATABASE",
    metavar="NAME",
)
@mlflow_options
@dbt_options
def command(
    user: int,
    yes: bool,
    database: str | None,
    experiment: str,
    model_name: str,
    dbt: DbtOptions,
) -> None:
    """Remove a user from all that is kept of trainings, and say what is left; it asks before.

    The user's recommendations in every kept run go, and what data sets are known again by; the
    user's row of every model in MLflow; the rows of the marts; and the copy of the marts for the
    dashboards on this machine. Raw tables are yours: remove the user there first, or the next
    `dbt build` and `python_jobs train` bring the user back. No job and no dbt may run meanwhile.

    \b
    Example:
        python_jobs forget 42
    """
    with mlflow_session(dbt, experiment, model_name, "python_jobs.jobs.forget") as job:
        from python_jobs.jobs.forget import find_traces, forget

        with job.phases.phase("look"):
            found = find_traces(job.warehouse, job.tracking, user)
        if job.phases.progress:
            # What it draws would go over the question.
            job.phases.progress.stop()
        if found:
            name = job.warehouse.published("training_runs").database
            click.echo(_described(found, user), err=not sys.stdout.isatty())
            require_consent(name, database, yes=yes, embedded=job.warehouse.embedded)
        left = forget(job.warehouse, job.tracking, found, user, lambda: None)
        project, embedded = job.warehouse.project, job.warehouse.embedded
    if embedded:
        from python_jobs.publishing.sweeping import sweep
        from python_jobs.snapshot.take import take_snapshot

        sweep(project)
        if has_snapshot(project.directory):
            take_snapshot(project)
            take_snapshot(project)  # the first leaves the copy before it to who is reading it
    removed = f"User {user} is removed." if found else f"User {user} is in nothing to remove."
    click.echo(f"{removed}\n{_raw_words(found)}")
    if others := found.tables.others:
        click.echo(f"Other tables beside them have the user too, and stay: {_named(others)}.")
    if left:
        raise _left_over(left, project, user)


def _described(found: Traces, user: int) -> str:
    lines = [f"This cannot be undone. Of user {user} it removes:"]
    tables = found.tables
    holders = (*tables.published, *tables.staged, *tables.built)
    lines += [f"  {holder.rows:,} rows of {holder.relation}" for holder in holders]
    if found.runs:
        shown = ", ".join(found.runs[:5]) + (", …" if len(found.runs) > 5 else "")
        lines.append(f"  the user's row in {len(found.runs):,} models of MLflow (runs {shown})")
    return "\n".join(lines)


def _raw_words(found: Traces) -> str:
    """Return what the raw tables hold of the user."""
    held = [
        f"{table} (not to be read by this user)" if rows is None else f"{rows:,} rows of {table}"
        for table, rows in found.raw.items()
        if rows != 0
    ]
    if not held:
        return "The raw tables hold nothing of the user."
    return (
        f"Your raw tables still hold: {', '.join(held)}. Until the user is removed there too, the "
        "next `dbt build` and `python_jobs train` bring the user back."
    )


def _named(holders: list[Holder]) -> str:
    return ", ".join(f"{holder.relation} ({holder.rows:,} rows)" for holder in holders)


def _left_over(left: Forgotten, project: DbtProject, user: int) -> UserError:
    from python_jobs.publishing.holders import KEPT

    kept, said, hints = project.model(KEPT), [], []
    if left.failed:
        runs = "; ".join(f"{run} ({why})" for run, why in left.failed.items())
        said.append(f"The artifacts of these MLflow runs could not be rewritten: {runs}.")
        hints.append("Make their store writable, or delete these runs in MLflow.")
    if left.staged:
        said.append(f"A job is about to publish, or died: {_named(left.staged)}.")
        hints.append("Run the command again when it is done; after a day it is taken for dead.")
    if left.built:
        tables = _named(left.built)
        said.append(f"This user of ClickHouse may not change what dbt builds: {tables}.")
        hints.append("Remove the user from the raw tables and run `dbt build`.")
    if left.unseen:
        tables = ", ".join(map(str, left.unseen))
        said.append(f"This user of ClickHouse may not look into {tables}, which may have the user.")
    if kept in (*left.unseen, *(holder.relation for holder in left.built)):
        hints.append(
            f"No build makes {kept} anew: as dbt's user, run `alter table {kept} delete where "
            f"user_id = {user}`."
        )
    return UserError(f"Something is left. {' '.join(said)}", " ".join(hints))
