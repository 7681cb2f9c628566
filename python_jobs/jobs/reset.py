"""The reset job: nothing is published any more, and the next training begins anew."""

from __future__ import annotations

from dataclasses import dataclass

from python_jobs.dbt.relation import Relation
from python_jobs.publishing.removal import published_rows, remove_published
from python_jobs.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    find_version,
    remove_alias,
    version_tags,
)
from python_jobs.tracking.store import Tracking
from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class Belongings:
    """What a reset would remove."""

    rows: dict[str, int]
    """For each table of ``ml``, and of outcomes, how many rows it has."""
    aliases: list[str]
    """MLflow's aliases of versions that were fitted from this target's marts."""

    def __bool__(self) -> bool:
        return bool(self.aliases) or any(self.rows.values())


def belongings(warehouse: Warehouse, tracking: Tracking) -> Belongings:
    """Look at what there is to remove; change nothing.

    An alias on a version that another target's marts made, as where several share a registered
    model, is not among it.
    """
    aliases = []
    for alias in (CHAMPION, CHALLENGER):
        version = find_version(tracking, tracking.model_name, alias)
        if version and version_tags(tracking, version).get("dbt_target") == (
            warehouse.project.target
        ):
            aliases.append(alias)
    return Belongings(published_rows(warehouse), aliases)


def reset(warehouse: Warehouse, tracking: Tracking, found: Belongings) -> list[Relation]:
    """Remove it; return the tables of outcomes that this user of ClickHouse may not empty.

    Raw tables, marts, and MLflow's runs and versions stay as they are.
    """
    kept = remove_published(warehouse)
    for alias in found.aliases:
        remove_alias(tracking, tracking.model_name, alias)
    return kept
