"""``python_jobs load-movielens``."""

from __future__ import annotations

from pathlib import Path

import click

from python_jobs.commands.options import dbt_options
from python_jobs.commands.session import session
from python_jobs.dbt.project import DbtOptions


@click.command("load-movielens")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--replace",
    is_flag=True,
    help="Also replace rows on a server that no MovieLens load put there.",
)
@dbt_options
def command(path: Path, replace: bool, dbt: DbtOptions) -> None:
    """Replace the raw tables with a MovieLens release: its directory, or its zip as downloaded.

    Takes any release of GroupLens: ml-latest, ml-latest-small, ml-20m, ml-25m, ml-32m, ml-10m,
    ml-1m and ml-100k. A load that fails leaves the tables as they were.

    \b
    Example:
        python_jobs load-movielens ml-25m.zip
    """
    from python_jobs.movielens.source import Release

    release = Release(path)
    with session(dbt, "python_jobs.movielens.loading", create=True) as job:
        from python_jobs.movielens.loading import load
        from python_jobs.movielens.report import show_load

        report = load(job.warehouse, release, job.phases, replace_any=replace)
    show_load(report)
