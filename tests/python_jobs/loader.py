"""Loads a release without dbt: ``loader.py DATABASE [RELEASE [STEP]]``.

Run as a program by test_movielens_processes.py: for what it leaves where it is killed at STEP, and
for the memory that it takes, which it prints in MiB. Without a release it prints what the database
holds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import clickhouse_connect

from python_jobs.dbt.relation import Relation
from python_jobs.movielens import lines, loading, tables
from python_jobs.movielens.release import Release
from python_jobs.movielens.tables import COLUMNS
from python_jobs.progress import Phases, peak_rss_mib
from python_jobs.warehouse.connection import Warehouse


def warehouse_of(
    client: Any, database: str = "raw", kind: str = "chdb", cluster: str = ""
) -> Warehouse:
    """Return a warehouse whose raw tables are in a database; it knows nothing else of dbt's."""
    project: Any = SimpleNamespace(
        credentials=SimpleNamespace(type=kind, cluster=cluster),
        source=lambda source, table: Relation(database, table),
    )
    return Warehouse(client, project)


def die(*args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def send_and_die(*args: Any) -> None:
    SEND(*args)
    die()


def exchange_two_and_die(warehouse: Warehouse, pairs: dict[Relation, Relation]) -> None:
    EXCHANGE(warehouse, dict(list(pairs.items())[:2]))
    die()


def exchange_and_die(warehouse: Warehouse, pairs: dict[Relation, Relation]) -> None:
    EXCHANGE(warehouse, pairs)
    die()


SEND, EXCHANGE = lines.send, tables._exchange
STEPS = {
    "with one block staged": (loading, "send", send_and_die),
    "with everything staged": (loading, "make_users", die),
    "before the swap": (loading, "swap", die),
    "halfway through the swap": (tables, "_exchange", exchange_two_and_die),
    "after the swap": (tables, "_exchange", exchange_and_die),
}


def show(client: Any) -> None:
    found = {name for (name,) in client.query("show tables from raw").result_rows}
    rows = {table: client.command(f"select count() from raw.{table}") for table in COLUMNS}
    print(json.dumps({"rows": rows, "others": sorted(found - set(COLUMNS))}))


def main() -> None:
    path, *arguments = sys.argv[1:]
    client = clickhouse_connect.get_client(interface="chdb", path=path)
    if not arguments:
        show(client)
        return
    release, *step = arguments
    if step:
        setattr(*STEPS[step[0]])
    loading.load(warehouse_of(client), Release(Path(release)), Phases())
    print(round(peak_rss_mib()))


if __name__ == "__main__":
    main()
