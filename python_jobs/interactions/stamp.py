"""What a mart says of its build, in its table's comment: see macros/stamp_invocation.sql."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from python_jobs.errors import UserError

if TYPE_CHECKING:
    from python_jobs.dbt.relation import Relation
    from python_jobs.warehouse.connection import Warehouse

RAW_TABLES = ("users", "movies", "ratings", "watched_movies")
"""dbt's sources of a team's own data; the vars ``raw_…`` say what they are called."""


@dataclass(frozen=True)
class Stamp:
    """What a mart says of its build; a mart of an earlier release says less, or nothing."""

    relation: str = ""
    """The mart, ``database.table``."""
    dbt_invocation_id: str = ""
    """The dbt invocation that built it."""
    built_at: str = ""
    """When that began, in UTC, to the minute."""
    raw: dict[str, str] = field(default_factory=dict)
    """What it was built from: ``database.table`` of each raw table, by dbt's name of it."""
    weights: tuple[float, float] | None = None
    """The vars ``rating_weight`` and ``watched_weight`` of its scores."""

    def __str__(self) -> str:
        if not self.built_at:
            return self.relation
        return f"{self.relation}, built {self.built_at} UTC from {_listed(self.raw)}"


def read_stamp(warehouse: Warehouse, mart: Relation) -> Stamp:
    """Return what a mart says of its build.

    Raises
    ------
    UserError
        If it was built from other raw tables than the project names now: what it holds is another
        shop's then, of which a build failed or has not been run.
    """
    comment = warehouse.client.command(
        "select comment from system.tables where database = {database:String} "
        "and name = {table:String}",
        parameters={"database": mart.database, "table": mart.table},
    )
    found = _mapping(str(comment))
    known = "rating_weight" in found and "watched_weight" in found
    stamp = Stamp(
        relation=str(mart),
        dbt_invocation_id=str(found.get("dbt_invocation_id", "")),
        built_at=str(found.get("built_at", "")),
        raw=dict(found.get("raw", {})),
        weights=(float(found["rating_weight"]), float(found["watched_weight"])) if known else None,
    )
    now = {name: warehouse.project.source("dataflix", name) for name in RAW_TABLES}
    named = {name: f"{place.database}.{place.table}" for name, place in now.items()}
    if stamp.raw and stamp.raw != named:
        raise UserError(
            f"The marts are of other raw tables than the vars name now: {stamp}, and the vars "
            f"name {_listed(named)}.",
            "Run `dbt build`; if it fails, mend what it says first. To go on with the marts as "
            "they are, put the vars of the raw tables in dbt_project.yml back.",
        )
    return stamp


def _listed(raw: dict[str, str]) -> str:
    names = [raw[name] for name in RAW_TABLES if name in raw]
    return ", ".join(names[:-1]) + " and " + names[-1]


def _mapping(comment: str) -> dict[str, Any]:
    try:
        found = json.loads(comment)
    except ValueError:  # a description, or a comment of somebody's own
        return {}
    return found if isinstance(found, dict) else {}
