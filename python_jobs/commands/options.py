"""Options that several commands share, under the names and variables of the tools they go to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from python_jobs.dbt.project import DbtOptions
from python_jobs.evaluation.limits import Limits

if TYPE_CHECKING:
    from python_jobs.model.settings import Settings
    from python_jobs.tracking.store import Tracking

Command = Callable[..., Any]

DIRECTORY = click.Path(file_okay=False, path_type=Path)
LIST_LENGTH = click.IntRange(min=1, max=2**16 - 1)
"""What fits ``ml.recommendations.rank``; the jobs hold it against the number of movies."""


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


@dataclass(frozen=True)
class WantedModel:
    """The model that a command asks for: that of another version, or one by its settings."""

    like: str | None
    max_components: int
    max_iter: int
    random_state: int

    def settings(self, tracking: Tracking) -> Settings:
        """Return the settings, fetched from MLflow where they are those of another version.

        Raises
        ------
        UserError
            If there is no such version, or its artifacts are gone.
        """
        from python_jobs.model.settings import Settings
        from python_jobs.tracking.registry import load_summary, require_version

        if self.like:
            return load_summary(require_version(tracking, self.like)).settings
        return Settings(self.max_components, self.max_iter, self.random_state)


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


def setting(flag: str, help_text: str, **attributes: Any) -> Callable[[Command], Command]:
    """Return an option that also reads ``DATAFLIX_<FLAG>``."""
    name = flag.removeprefix("--").partition("/")[0]
    variable = "DATAFLIX_" + name.replace("-", "_").upper()
    return click.option(flag, help=help_text, envvar=variable, show_envvar=True, **attributes)


def model_options(command: Command) -> Command:
    """Add what NMF is asked for, or ``--like`` another version, as one ``wanted`` argument."""

    @setting(
        "--max-components", "Upper bound of the rank k.", type=click.IntRange(min=1), default=10
    )
    @setting(
        "--max-iter", "Upper bound of NMF's iterations.", type=click.IntRange(min=1), default=200
    )
    @setting("--seed", "Seed of the initial factors.", type=click.IntRange(min=0), default=42)
    @click.option(
        "--like",
        metavar="MODEL",
        help="Settings of a version: its number, its run, or an alias such as challenger.",
    )
    @wraps(command)
    def wrapped(
        *args: Any,
        max_components: int,
        max_iter: int,
        seed: int,
        like: str | None,
        **kwargs: Any,
    ) -> Any:
        by_hand = ("max_components", "max_iter", "seed")
        context = click.get_current_context()
        typed = [
            name
            for name in by_hand
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        ]
        if like and typed:
            flag = "--" + typed[0].replace("_", "-")
            raise click.UsageError(f"{flag} and --like exclude each other.")
        wanted = WantedModel(like, max_components, max_iter, seed)
        return command(*args, wanted=wanted, **kwargs)

    return wrapped


def max_shrink_option(command: Command) -> Command:
    """Add ``--max-shrink``, which every job that publishes has."""
    add = setting(
        "--max-shrink",
        "Share of the current run's users, movies or interactions that the mart may have lost.",
        type=click.FloatRange(0, 1),
        default=Limits.max_shrink,
    )
    return add(command)


def warn(warnings: list[str]) -> None:
    """Print what was left undone, on stderr."""
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
