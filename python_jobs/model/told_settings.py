"""Settings as people tell them: ``NAME=VALUE``, or a TOML file of such lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from types import NoneType
from typing import Any

from python_jobs.errors import UserError
from python_jobs.model.settings import Settings

NAMES = tuple(field.name for field in fields(Settings))
NONE = "none"
"""No weight, or no ranks."""

READERS: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    NoneType: lambda text: None if text == NONE else float(text),
    tuple: lambda text: () if text == NONE else tuple(map(int, text.split(","))),
}
"""How the text of a value is read, by the type of the setting's default."""


def read_value(name: str, value: Any) -> Any:
    """Return a setting's value, read from text where it is text.

    Raises
    ------
    UserError
        If there is no such setting, or it cannot be that.

    >>> read_value("ensemble_ranks", "4,8")
    (4, 8)
    """
    if name not in NAMES:
        raise UserError(f"There is no setting {name}.", f"There are {', '.join(NAMES)}.")
    if isinstance(value, str):
        with suppress(ValueError):  # Other text stays as it is, and the settings refuse it.
            value = READERS[type(getattr(Settings, name))](value)
    return getattr(Settings(**{name: value}), name)


def read_pair(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``NAME=VALUE``.

    Raises
    ------
    UserError
        If it is not that, or as :func:`read_value` does.

    >>> read_pair("recency=1.5")
    ('recency', 1.5)
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"{text!r} is not NAME=VALUE.", "An example is recency=1.5.")
    return name, read_value(name, value)


def read_file(path: Path) -> dict[str, Any]:
    """Return the settings of a TOML file; what the file leaves out is left out.

    Raises
    ------
    UserError
        If it is not TOML, or as :func:`read_value` does.
    """
    import tomllib

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{path} cannot be read as TOML: {error}.") from error
    return {name: read_value(name, value) for name, value in found.items()}


def as_pair(name: str, value: Any) -> str:
    """Return a setting as :func:`read_pair` reads it.

    >>> as_pair("watched_weight", None), as_pair("ensemble_ranks", (4, 8))
    ('watched_weight=none', 'ensemble_ranks=4,8')
    """
    if isinstance(value, tuple):
        value = ",".join(map(str, value)) or None
    return f"{name}={NONE if value is None else value}"


def changed(settings: Settings, told: Mapping[str, Any]) -> Settings:
    """Return settings with those that were told changed.

    Who tells ``max_components`` wants one factorisation of this rank, and not the ensemble of the
    settings that are changed, unless ``ensemble_ranks`` is told too.

    Raises
    ------
    UserError
        If they do not go together.
    """
    alone = {"ensemble_ranks": ()} if "max_components" in told else {}
    return replace(settings, **{**alone, **told})
