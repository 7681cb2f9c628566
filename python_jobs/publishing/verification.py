"""What must be true of staged rows before readers may see them."""

from __future__ import annotations

from itertools import pairwise

from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError
from python_jobs.warehouse.connection import Warehouse

LARGEST_ID = 2**64 - 1
USERS_PER_CHECK = 20_000
"""Users that are checked at a time, so that memory does not grow with their number."""


def verify(warehouse: Warehouse, table: str, staging: Relation, loaded: int) -> None:
    """Check a staging table: every row arrived and, for recommendations, every list is sound.

    Raises
    ------
    UserError
        If a check fails. It names the check and how many rows fail it.
    """
    arrived = warehouse.number(f"select count() from {staging}")
    failures = {"rows that did not arrive": loaded - arrived}
    if table == "recommendations":
        failures |= _unsound_lists(warehouse, staging)
    failed = {check: rows for check, rows in failures.items() if rows}
    if failed:
        counted = ", ".join(f"{check}: {rows:,}" for check, rows in failed.items())
        raise UserError(
            f"The staged rows in {staging} failed their checks ({counted}).",
            "Nothing was published. If the mart was rebuilt while training ran, train again.",
        )


def _unsound_lists(warehouse: Warehouse, staging: Relation) -> dict[str, int]:
    """Count, in slices of users, broken lists and recommendations of movies already seen."""
    broken = seen = 0
    for parameters in _user_slices(warehouse, staging):
        broken += warehouse.number(
            f"""
            select count()
            from (
                select user_id
                from {staging}
                where user_id between {{first:UInt64}} and {{last:UInt64}}
                group by user_id
                having count() != uniqExact(movie_id)
                    or count() != uniqExact(rank)
                    or min(rank) != 1
                    or max(rank) != count()
            )
            """,
            parameters,
        )
        # Where no hash is in both, no pair is, and hashes are compared in less time.
        if _in_both(warehouse, staging, "cityHash64(user_id, movie_id)", parameters):
            seen += _in_both(warehouse, staging, "(user_id, movie_id)", parameters)
    return {"users whose ranks or movies repeat or leave gaps": broken, "movies already seen": seen}


def _in_both(warehouse: Warehouse, staging: Relation, pair: str, parameters: dict[str, int]) -> int:
    """Count what both the mart and the staged rows of a slice have, by SQL of a pair."""
    return warehouse.number(
        f"""
        select count()
        from (
            select {pair} as pair
            from {warehouse.mart}
            where user_id between {{first:UInt64}} and {{last:UInt64}}
        ) as seen
        inner join (
            select {pair} as pair
            from {staging}
            where user_id between {{first:UInt64}} and {{last:UInt64}}
        ) as staged using (pair)
        """,
        parameters,
    )


def _user_slices(warehouse: Warehouse, staging: Relation) -> list[dict[str, int]]:
    """Return the first and last user of each slice; together the slices hold every id there is.

    Users are counted as they are stored, in order, where numbering them all with a window would
    hold them all.
    """
    found = warehouse.client.query(
        f"""
        select user_id
        from (
            select user_id
            from {staging}
            where rank = 1
            order by user_id
        )
        where rowNumberInAllBlocks() % {{size:UInt32}} = 0
        """,
        parameters={"size": USERS_PER_CHECK},
    )
    starts = sorted([0, *(user_id for (user_id,) in found.result_rows[1:])])
    return [
        {"first": first, "last": after - 1} for first, after in pairwise([*starts, LARGEST_ID + 1])
    ]
