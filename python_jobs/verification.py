"""What must be true of staged rows before readers may see them."""

from __future__ import annotations

from python_jobs.errors import UserError
from python_jobs.warehouse import Warehouse

USERS_PER_CHECK = 20_000
"""Users that are checked at a time, so that memory does not grow with their number."""


def verify(warehouse: Warehouse, table: str, staging: str, loaded: int) -> None:
    """Check a staging table: every row arrived and, for recommendations, every list is sound.

    Raises
    ------
    UserError
        If a check fails. It names the check and how many rows fail it.
    """
    arrived = warehouse.client.command(f"select count() from {staging}")
    failures = {"rows that did not arrive": loaded - int(arrived)}
    if table == "recommendations":
        failures |= _unsound_lists(warehouse, staging)
    failed = {check: rows for check, rows in failures.items() if rows}
    if failed:
        counted = ", ".join(f"{check}: {rows:,}" for check, rows in failed.items())
        raise UserError(
            f"The staged rows in {staging} failed their checks ({counted}).",
            "Nothing was published. If the mart was rebuilt while training ran, train again.",
        )


def _unsound_lists(warehouse: Warehouse, staging: str) -> dict[str, int]:
    """Count, in slices of users, broken lists and recommendations of movies already seen."""
    broken = seen = 0
    for parameters in _user_slices(warehouse, staging):
        broken += int(
            warehouse.client.command(
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
                parameters=parameters,
            )
        )
        seen += int(
            warehouse.client.command(
                f"""
                select count()
                from (
                    select user_id, movie_id
                    from {warehouse.mart}
                    where user_id between {{first:UInt64}} and {{last:UInt64}}
                ) as seen
                inner join (
                    select user_id, movie_id
                    from {staging}
                    where user_id between {{first:UInt64}} and {{last:UInt64}}
                ) as staged using (user_id, movie_id)
                """,
                parameters=parameters,
            )
        )
    return {"users whose ranks or movies repeat or leave gaps": broken, "movies already seen": seen}


def _user_slices(warehouse: Warehouse, staging: str) -> list[dict[str, int]]:
    """Return the first and last user of each slice of the staged users."""
    slices = warehouse.client.query(
        f"""
        select min(user_id) as first, max(user_id) as last
        from (
            select user_id, intDiv(row_number() over (order by user_id), {{size:UInt32}}) as slice
            from (select distinct user_id from {staging})
        )
        group by slice
        order by slice
        """,
        parameters={"size": USERS_PER_CHECK},
    )
    return list(slices.named_results())
