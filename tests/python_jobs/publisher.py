"""Publishes a run without dbt: ``publisher.py DATABASE RUN_ID USERS [STEP]``.

Run as a program by test_crashes.py, for what it leaves where it is killed at STEP, and by
test_publishing.py, for the memory that it takes, which it prints in MiB. dbt's answer would take
longer than everything else here; the names are those of the embedded target.
"""

from __future__ import annotations

import os
import signal
import sys
from types import SimpleNamespace
from typing import Any

import clickhouse_connect

from python_jobs import publishing
from python_jobs.progress import peak_rss_mib
from python_jobs.relation import Relation
from python_jobs.warehouse import Warehouse
from tests.python_jobs.publishing_data import lists, run_of

STEPS = {
    "remove_leftovers": "at the start",
    "stage": "before anything is staged",
    "load_block": "with one block staged",
    "verify": "with everything staged",
    "swap": "after the checks",
    "drop_staging": "after the swap",
    "append_run": "before the commit",
    "remove_old_runs": "after the commit",
}
"""Functions of publishing.py that are killed as they begin, and what that means."""


def die(*args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(step: str) -> None:
    """Put the kill in place of a step; of its second call, where the first one must pass."""
    original = getattr(publishing, step)
    # drop_staging is also what stage begins with, and load_block should leave one block behind.
    lives = {"drop_staging": 1, "load_block": 1}.get(step, 0)

    def dying(*args, **kwargs):
        nonlocal lives
        if lives == 0:
            die()
        lives -= 1
        return original(*args, **kwargs)

    setattr(publishing, step, dying)


def main() -> None:
    path, run_id, users, *step = sys.argv[1:]
    project: Any = SimpleNamespace(
        credentials=SimpleNamespace(type="chdb"),
        model=lambda name: Relation("analytics", name),
        source=lambda source, table: Relation("ml", table),
    )
    client = clickhouse_connect.get_client(interface="chdb", path=path)
    if step:
        kill_at(step[0])
    tables = {"recommendations": lists(int(users), top=4, blocks=max(3, int(users) // 8_192))}
    publishing.publish(Warehouse(client, project), run_of(run_id), tables, keep=5)
    print(round(peak_rss_mib()))


if __name__ == "__main__":
    main()
