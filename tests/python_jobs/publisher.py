"""Publishes a run without dbt: ``publisher.py DATABASE STORE RUN_ID USERS [STEP]``.

DATABASE is the directory of an embedded one, or host, port, username and password as JSON.

Run as a program by test_crashes.py, for what it leaves where it is killed at STEP, and by
test_publishing_memory.py, for the memory that it takes, which it prints in MiB. dbt's answer would
take longer than everything else here; the names are those of the embedded target. STORE is the
directory of an MLflow store that has a version for the run, or ``-`` where nothing follows the
commit.
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
from python_jobs.jobs import going_live
from python_jobs.jobs.live import find_live
from python_jobs.progress import peak_rss_mib
from python_jobs.publishing import publish, staging
from python_jobs.publishing.commit import commit
from python_jobs.publishing.history import current_run
from python_jobs.tracking.store import open_tracking
from python_jobs.warehouse.connection import Warehouse, caught_up
from tests.python_jobs.publishing_data import all_tables, run_of

BEFORE_COMMIT = {
    "remove_leftovers": (publish, 0, "at the start"),
    "stage": (publish, 0, "before anything is staged"),
    "load_block": (staging, 1, "with one block staged"),
    "verify": (staging, 0, "with the lists staged"),
    "second verify": (staging, 1, "with the second table staged"),
    "swap_in": (publish, 0, "after the checks"),
    "second swap_in": (publish, 1, "with one table of three swapped in"),
    "drop_staging": (publish, 0, "after the swaps"),
    "commit": (going_live, 0, "before the commit"),
}
"""Where it is killed: a function as it begins, as the module calls it; how often it lives before;
and what that means."""
AFTER_COMMIT = {
    "follow": (going_live, 0, "before MLflow's alias follows"),
    "remove_old_runs": (going_live, 0, "before old runs are dropped"),
}


def die(*args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(step: str) -> None:
    """Put the kill in the place of a step."""
    module, lives, _ = (BEFORE_COMMIT | AFTER_COMMIT)[step]
    name = step.removeprefix("second ")
    original = getattr(module, name)

    def dying(*args, **kwargs):
        nonlocal lives
        if lives == 0:
            die()
        lives -= 1
        return original(*args, **kwargs)

    setattr(module, name, dying)


def warehouse_at(database: str) -> Warehouse:
    """Return a warehouse that dbt has built, and that is open for the calling thread."""
    if database.startswith("{"):
        kind = "clickhouse"
        client = clickhouse_connect.get_client(
            **json.loads(database), autogenerate_session_id=False
        )
    else:
        kind = "chdb"
        client = clickhouse_connect.get_client(interface="chdb", path=database)
    project: Any = SimpleNamespace(
        credentials=SimpleNamespace(type=kind, cluster=""),
        model=lambda name: Relation("analytics", name),
        source=lambda source, table: Relation("raw" if source == "dataflix" else "ml", table),
    )
    return caught_up(Warehouse(client, project))


def main() -> None:
    database, store, run_id, users, *step = sys.argv[1:]
    warehouse = warehouse_at(database)
    if step:
        kill_at(step[0])
    before = current_run(warehouse)
    blocks = max(3, int(users) // 8_192)
    run = publish.place_rows(warehouse, run_of(run_id), all_tables(int(users), 4, blocks))
    if store == "-":
        commit(warehouse, run, before)
    else:
        tracking = open_tracking(Path(store), "dataflix-collaborative-filtering", "dataflix-nmf")
        live, _ = find_live(warehouse, tracking)
        going_live.go_live(warehouse, tracking, run, live, keep=5)
    print(round(peak_rss_mib()))


if __name__ == "__main__":
    main()
