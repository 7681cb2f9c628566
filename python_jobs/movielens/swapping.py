"""Exchanging several tables at once, as nearly as ClickHouse can.

EXCHANGE of several pairs is one statement, which does one pair after the other; each exchange is
atomic, the sequence is not. So whatever can be wrong with the data must be found before; an error
halfway is undone here; and a journal, written just before, lets the next load finish a swap in the
midst of which the process or the server was killed. Readers in those milliseconds may see some new
tables beside some old ones, but never part of a table.
"""

from __future__ import annotations

from collections.abc import Mapping

from python_jobs.dbt.relation import Relation
from python_jobs.warehouse.connection import Warehouse


def swap(warehouse: Warehouse, pairs: Mapping[Relation, Relation], journal: Relation) -> None:
    """Put staged tables in the place of live ones, and those in staging.

    Parameters
    ----------
    warehouse
        An open warehouse.
    pairs
        For each staged table the live one; all exist.
    journal
        Where to write what is meant to become of them.

    Raises
    ------
    DatabaseError
        If ClickHouse refuses; the old tables are live then. Where even undoing was refused, the
        journal is still there.
    """
    client = warehouse.client
    client.command(
        f"create table {journal} (staged String, live String, uuid UUID) "
        "engine = MergeTree order by staged"
    )
    rows = [[str(staged), str(live), _uuid(warehouse, staged)] for staged, live in pairs.items()]
    client.insert(str(journal), rows, column_names=["staged", "live", "uuid"])
    try:
        _exchange(warehouse, pairs)
    except Exception:
        _exchange(warehouse, _in_journal(warehouse, pairs, journal, swapped=True))
        client.command(f"drop table {journal} sync")
        raise
    client.command(f"drop table {journal} sync")


def has_journal(warehouse: Warehouse, journal: Relation) -> bool:
    """Say whether a swap began that was neither finished nor undone."""
    return bool(warehouse.client.command(f"exists table {journal}"))


def finish_swap(
    warehouse: Warehouse, pairs: Mapping[Relation, Relation], journal: Relation
) -> None:
    """Exchange what a killed load had checked and not yet exchanged, if it had come that far."""
    if has_journal(warehouse, journal):
        _exchange(warehouse, _in_journal(warehouse, pairs, journal, swapped=False))
        warehouse.client.command(f"drop table {journal} sync")


def _exchange(warehouse: Warehouse, pairs: Mapping[Relation, Relation]) -> None:
    if pairs:
        exchanges = ", ".join(f"{staged} and {live}" for staged, live in pairs.items())
        warehouse.client.command(f"exchange tables {exchanges}")


def _in_journal(
    warehouse: Warehouse,
    pairs: Mapping[Relation, Relation],
    journal: Relation,
    *,
    swapped: bool,
) -> dict[Relation, Relation]:
    """Return those of the journal's pairs whose new table is live already, or where it is not."""
    rows = warehouse.client.query(f"select staged, uuid from {journal}").result_rows
    uuids = {str(staged): uuid for staged, uuid in rows}
    return {
        staged: live
        for staged, live in pairs.items()
        if str(staged) in uuids and (_uuid(warehouse, live) == uuids[str(staged)]) == swapped
    }


def _uuid(warehouse: Warehouse, relation: Relation) -> object:
    """Return what identifies a table whatever its name; None where there is no such table."""
    found = warehouse.client.query(
        "select uuid from system.tables "
        "where database = {database:String} and name = {name:String}",
        parameters={"database": relation.database, "name": relation.table},
    )
    return found.result_rows[0][0] if found.row_count else None
