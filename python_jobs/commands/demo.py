"""``python_jobs demo``."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import click

from python_jobs.commands.options import dbt_options, mlflow_options, setting, user_id
from python_jobs.commands.session import tracked_session
from python_jobs.dbt.project import DbtOptions, DbtProject
from python_jobs.errors import UserError

EMBEDDED = "embedded"
LABEL, SAMPLE = "DATAFLIX_DATASET", "sample"
"""The variable that names a data set, and the sample's name."""
RAW_TABLES = ("users", "movies", "ratings", "watched_movies")


@click.command("demo")
@setting(
    "--user",
    "The sample user on the last screen.",
    # Not that of `recommend`, who may be a user of one's own.
    variable="DATAFLIX_DEMO_USER",
    type=user_id,
    metavar="ID",
    default="42",
)
@mlflow_options
@dbt_options
def command(user: int, experiment: str, model_name: str, dbt: DbtOptions) -> None:
    """Run everything on the sample data, in the embedded ClickHouse, and show what came out.

    A target of the environment is meant for other commands and not taken here: only one that is
    typed, and only an embedded one.

    \b
    Example:
        python_jobs demo --user 7
    """
    from python_jobs.commands.steps import REFRESH, SEED, dashboards_follow, kept_dbt, run_steps

    dbt = typed_or_embedded(dbt)
    # For the steps, and for what this process reads of what they built.
    os.environ[LABEL] = SAMPLE
    dbt.require_profile()
    dbt.require_writable()
    with kept_dbt(dbt) as kept:
        require_the_samples_place(kept.project())
        run_steps((SEED, *REFRESH, *dashboards_follow(dbt)), kept)
    with tracked_session(dbt, experiment, model_name, "python_jobs.jobs.recommend") as job:
        from python_jobs.commands.list_screens import show_demo
        from python_jobs.commands.run_screens import show_outcomes
        from python_jobs.interactions.users import seen_movies
        from python_jobs.jobs.live import load_live
        from python_jobs.jobs.recommend import recommend
        from python_jobs.publishing.history import list_runs
        from python_jobs.publishing.outcomes import read_findings, read_outcomes

        model = load_live(job.tracking, job.live)
        run = list_runs(job.warehouse)[0]
        seen = seen_movies(job.warehouse, user, limit=10)
        recommended = recommend(job.warehouse, model, user, top=10)
        outcomes, findings = read_outcomes(job.warehouse), read_findings(job.warehouse)
    show_demo(run, job.tracking, seen, recommended, user)
    show_outcomes(outcomes, findings)


def typed_or_embedded(dbt: DbtOptions) -> DbtOptions:
    """Return the options with the target that was typed, or else the embedded one."""
    source = click.get_current_context().get_parameter_source("target")
    typed = source is click.core.ParameterSource.COMMANDLINE
    return replace(dbt, target=dbt.target if typed else EMBEDDED)


def require_the_samples_place(project: DbtProject) -> None:
    """Refuse where the sample would replace the raw tables of others.

    Raises
    ------
    UserError
        If the target is a server's, or the raw tables are others than those of the sample.
    """
    if project.credentials.type != "chdb":
        raise UserError(
            f"The target {project.target} is a server, where the demo would write its sample over "
            "the raw tables and publish what it learned from it. Nothing was run.",
            "Without --target it runs in an embedded ClickHouse; docs/server.md is about servers.",
        )
    for table in RAW_TABLES:
        place = project.source("dataflix", table)
        if place.table != table or not re.fullmatch("(.*_)?raw", place.database):
            raise UserError(
                f"The vars in dbt_project.yml name raw tables of your own, such as {place}, and "
                "the demo would call them the sample. Nothing was run.",
                "Set raw_database to null and the tables' names back to run it; `python_jobs "
                "pipeline` does the same with your tables.",
            )
