"""Options that several commands share, under the names and variables of the tools they go to."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from python_jobs.dbt_project import DbtOptions

Command = Callable[..., Any]

DIRECTORY = click.Path(file_okay=False, path_type=Path)


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
    variable = "DATAFLIX_" + flag.removeprefix("--").replace("-", "_").upper()
    return click.option(flag, help=help_text, envvar=variable, show_envvar=True, **attributes)
