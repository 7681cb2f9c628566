"""Options that several commands share, under the names and variables of the tools they go to."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from python_jobs.dbt.project import DbtOptions
from python_jobs.evaluation.limits import Limits
from python_jobs.jobs.options import TrainOptions

Command = Callable[..., Any]

DIRECTORY = click.Path(file_okay=False, path_type=Path)
LIST_LENGTH = click.IntRange(min=1, max=2**16 - 1)
"""What fits ``ml.recommendations.rank``; the jobs hold it against the number of movies."""


class NumberRange(click.FloatRange):
    """A range of numbers. ``nan``, which click lets into any, is no number and in none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number that was given, or refuse it."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number


SHARE = NumberRange(0, 1)
PART = NumberRange(0, 1, min_open=True, max_open=True)
"""A share that is neither none nor all."""


def user_id(text: str) -> int:
    """Return a user id that was typed: a whole number that fits ``UInt64``.

    Raises
    ------
    click.BadParameter
        If it is none.
    """
    if not (text.isascii() and text.isdigit() and int(text) < 2**64):
        raise click.BadParameter(
            f"{text!r} is not a user id: user ids are whole numbers, as in mart_users.user_id."
        )
    return int(text)


def dbt_options(command: Command) -> Command:
    """Add dbt's ``--target``, ``--profiles-dir`` and ``--project-dir`` as one ``dbt`` argument."""

    @click.option("--target", envvar="DBT_TARGET", show_envvar=True, help="Target of the profile.")
    @click.option(
        "--profiles-dir",
        type=DIRECTORY,
        envvar="DBT_PROFILES_DIR",
        show_envvar=True,
        help="Directory of profiles.yml.",
    )
    @click.option(
        "--project-dir",
        type=DIRECTORY,
        envvar="DBT_PROJECT_DIR",
        show_envvar=True,
        help="Directory of dbt_project.yml.",
    )
    @wraps(command)
    def wrapped(
        *args: Any,
        target: str | None,
        profiles_dir: Path | None,
        project_dir: Path | None,
        **kwargs: Any,
    ) -> Any:
        return command(*args, dbt=DbtOptions(project_dir, profiles_dir, target), **kwargs)

    return wrapped


def mlflow_options(command: Command) -> Command:
    """Add the names used in MLflow, ``--experiment`` and ``--model-name``."""
    add_experiment = click.option(
        "--experiment",
        default="dataflix-collaborative-filtering",
        envvar="MLFLOW_EXPERIMENT_NAME",
        show_envvar=True,
        help="MLflow experiment.",
    )
    add_model_name = click.option(
        "--model-name",
        default="dataflix-nmf",
        envvar="DATAFLIX_MODEL_NAME",
        show_envvar=True,
        help="Registered model.",
    )
    return add_experiment(add_model_name(command))


def setting(
    flag: str, help_text: str, *argument: str, variable: str = "", **attributes: Any
) -> Callable[[Command], Command]:
    """Return an option that also reads an environment variable, by default ``DATAFLIX_<FLAG>``.

    ``argument`` names the command's argument where it is not called like the flag.
    """
    name = flag.removeprefix("--").partition("/")[0]
    variable = variable or "DATAFLIX_" + name.replace("-", "_").upper()
    return click.option(
        flag, *argument, help=help_text, envvar=variable, show_envvar=True, **attributes
    )


def lists_options(command: Command) -> Command:
    """Add ``--top`` and ``--keep``, which every job that publishes has."""
    add_top = setting(
        "--top", "Recommendations per user.", type=LIST_LENGTH, default=TrainOptions.top
    )
    add_keep = setting(
        "--keep",
        "Versions to keep for rollback.",
        type=click.IntRange(min=2),
        default=TrainOptions.keep,
    )
    return add_top(add_keep(command))


def max_shrink_option(command: Command) -> Command:
    """Add ``--max-shrink``, which every job that publishes has."""
    add = setting(
        "--max-shrink",
        "Share that may have been lost since the current run: of users, movies, interactions and "
        "movies that may be shown.",
        type=SHARE,
        default=Limits.max_shrink,
    )
    return add(command)


def warm_start_option(command: Command) -> Command:
    """Add ``--warm-start``, which `train` and `pipeline` have."""
    add = setting(
        "--warm-start",
        "Go on from the factors of what is live, for five iterations.",
        is_flag=True,
    )
    return add(command)


def warn(warnings: list[str]) -> None:
    """Print what was left undone, on stderr."""
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
