"""The options that say which settings a model is to have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from python_jobs.commands.options import Command, setting
from python_jobs.commands.wanted_model import DEFAULTS, WantedModel
from python_jobs.errors import UserError
from python_jobs.model.settings import Settings
from python_jobs.model.told_settings import (
    as_pair,
    changed,
    read_file,
    read_pair,
    read_value,
)

SHORTHANDS = {
    "max_components": ("max_components", "Upper bound of the rank k"),
    "max_iter": ("max_iter", "Upper bound of NMF's iterations"),
    "seed": ("random_state", "Seed of the initial factors"),
    "new_share": ("new_share", "Share of each list for movies that nobody has seen, 0 to 1"),
    "diversity": ("diversity", "How far lists follow the genres of a user's history, 0 to 1"),
}
"""Settings with an option of their own, and what they are, by the option."""
EXAMPLES = ", ".join(as_pair(*item) for item in asdict(Settings()).items())


def _told(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function that reads an option's value; a UserError is bad usage."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except UserError as error:
            raise click.BadParameter(f"{error.message} {error.hint}".strip()) from error

    return convert


def model_options(like: str = DEFAULTS) -> Callable[[Command], Command]:
    """Add what decides the settings of a model as one ``wanted`` argument.

    Parameters
    ----------
    like
        Whose settings are changed where ``--like`` is not given.
    """
    added = [
        setting(
            "--like",
            "Whose settings: a version's number, its run or an alias such as challenger; live; or "
            "defaults.",
            metavar="MODEL",
            default=like,
        ),
        setting(
            "--settings",
            "TOML file of settings that are changed.",
            metavar="FILE",
            type=_told(lambda path: read_file(Path(path))),
        ),
        setting(
            "--set",
            f"Change a setting; can be repeated. The defaults are {EXAMPLES}.",
            metavar="NAME=VALUE",
            multiple=True,
            type=_told(read_pair),
        ),
        *(_shorthand(option, *what) for option, what in SHORTHANDS.items()),
    ]

    def add(command: Command) -> Command:
        @wraps(command)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs.pop(name) for name in ("like", "settings", "set", *SHORTHANDS)}
            return command(*args, wanted=_wanted(like, given), **kwargs)

        decorated: Command = wrapped
        for option in reversed(added):
            decorated = option(decorated)
        return decorated

    return add


def _shorthand(option: str, name: str, help_text: str) -> Callable[[Command], Command]:
    return setting(
        "--" + option.replace("_", "-"),
        f"{help_text}; short for --set {name}.",
        metavar="NUMBER" if isinstance(getattr(Settings(), name), float) else "INTEGER",
        type=_told(lambda text: read_value(name, text)),
    )


def _wanted(like: str, given: dict[str, Any]) -> WantedModel:
    """Put together what was given: what is typed counts more than what the environment says."""
    told: dict[str, Any] = {}
    for source in (ParameterSource.ENVIRONMENT, ParameterSource.COMMANDLINE):
        from_here = _given_by(source, given)
        if "like" in from_here:
            # All settings are those; what the environment changed were others'.
            like, told = from_here["like"], {}
        pairs = dict(from_here.get("set", ()))
        short = {name: from_here[key] for key, (name, _) in SHORTHANDS.items() if key in from_here}
        for name in pairs.keys() & short.keys():
            raise click.UsageError(f"The setting {name} is given by --set and by its own option.")
        told |= from_here.get("settings", {}) | pairs | short
    try:
        changed(Settings(), told)
    except UserError as error:
        raise click.UsageError(f"{error.message} {error.hint}") from error
    return WantedModel(like, told)


def _given_by(source: ParameterSource, given: dict[str, Any]) -> dict[str, Any]:
    context = click.get_current_context()
    return {
        name: value for name, value in given.items() if context.get_parameter_source(name) is source
    }
