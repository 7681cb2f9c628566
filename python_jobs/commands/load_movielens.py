"""``python_jobs load-movielens``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from python_jobs.commands.options import dbt_options, setting
from python_jobs.commands.session import session
from python_jobs.dbt.project import DbtOptions

if TYPE_CHECKING:
    from python_jobs.movielens.loading import LoadReport


@click.command("load-movielens")
@click.argument("path", type=click.Path(path_type=Path))
@setting(
    "--replace", "Also replace rows on a server that no MovieLens load put there.", is_flag=True
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
    from python_jobs.movielens.release import Release

    release = Release(path)
    with session(dbt, "python_jobs.movielens.loading", raw_only=True) as job:
        from python_jobs.movielens.loading import load

        report = load(job.warehouse, release, job.phases, replace_any=replace)
    show_load(report)


def show_load(report: LoadReport) -> None:
    """Print what was loaded, what was rejected, and what to run next."""
    from rich.markup import escape
    from rich.table import Table

    from python_jobs.commands.screens import console

    screen = console()
    screen.print(f"Format: {report.format}.", markup=False)
    files = Table("file", box=None, pad_edge=False)
    for heading in ("lines", "loaded", "rejected"):
        files.add_column(heading, justify="right")
    for name, *counts, _ in report.files:
        files.add_row(name, *(f"{count:,}" for count in counts))
    screen.print(files)
    tables = Table("table", box=None, pad_edge=False)
    tables.add_column("rows", justify="right")
    for relation, rows in report.rows.items():
        tables.add_row(escape(relation), f"{rows:,}")
    screen.print()
    screen.print(tables)
    rejected = [line for file in report.files for line in file.first_rejected]
    if rejected:
        screen.print(
            f"\nRejected lines are kept in {report.rejected_lines}; the first of each file:",
            markup=False,
        )
        for line in rejected:
            screen.print(f"  {line}", markup=False, emoji=False, soft_wrap=True)
    screen.print("\nNext:\n  dbt build\n  python_jobs train")
