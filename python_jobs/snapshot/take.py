"""Copy the marts, and nothing else, out of the embedded database into one of the dashboards' own.

An embedded database belongs to one process at a time: dashboards that read the project's would stop
dbt and the jobs, and be stopped by them. The copy has neither raw tables nor what was published,
and a reader gets the copy before or the new one: a link is what tells which.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

from python_jobs.dbt.project import DbtProject
from python_jobs.snapshot.place import CURRENT, PLACE
from python_jobs.warehouse.connection import new_client
from python_jobs.warehouse.explained_errors import explained_errors

DATABASE = "analytics"
"""Its name in the copy, whatever the target's is: what the dashboards ask for."""
COPY, BACKUP = "marts-", "backup-"
"""How the directories of copies and of backups begin."""


def take_snapshot(project: DbtProject) -> list[str]:
    """Copy the database of the marts, and let the dashboards have the copy.

    Parameters
    ----------
    project
        A project whose target is embedded.

    Returns
    -------
    list of str
        The names of what was copied, sorted.

    Raises
    ------
    UserError
        If the embedded database is in use or has no marts. The copy before stays then.
    """
    place = (project.directory / PLACE).resolve()
    place.mkdir(parents=True, exist_ok=True)
    with _alone(place):
        _remove_others(place)
        stamp = str(time.time_ns())
        backup, copy = place / f"{BACKUP}{stamp}", place / f"{COPY}{stamp}"
        source = project.model("mart_users").database
        try:
            _back_up(project, source, backup)
            names = _restore(project, source, backup, copy)
        finally:
            shutil.rmtree(backup, ignore_errors=True)
        _point_at(place, copy)
    return names


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Wait until no other process copies."""
    with (place / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


def _remove_others(place: Path) -> None:
    """Remove what died half-way, and copies that no reader can still have open.

    The current one stays until the next time, for the queries that begin before the link moves.
    """
    current = (place / CURRENT).resolve()
    for found in place.iterdir():
        if found.name.startswith((COPY, BACKUP)) and found.resolve() != current:
            shutil.rmtree(found)


def _back_up(project: DbtProject, database: str, backup: Path) -> None:
    with explained_errors(project):
        client = new_client(project, {"backups.allowed_path": str(backup.parent)})
        try:
            client.command(f"backup database `{database}` to File({_quoted(backup)})")
        finally:
            client.close()


def _restore(project: DbtProject, database: str, backup: Path, copy: Path) -> list[str]:
    with explained_errors(project):
        allowed = {"backups.allowed_path": str(backup.parent)}
        client = new_client(project, allowed, path=copy)
        try:
            client.command(
                f"restore database `{database}` as `{DATABASE}` from File({_quoted(backup)})"
            )
            found = client.query(
                "select name from system.tables where database = {database:String} order by name",
                parameters={"database": DATABASE},
            )
            return [name for (name,) in found.result_rows]
        finally:
            client.close()


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _point_at(place: Path, copy: Path) -> None:
    """Move the link in one step, so that there is one at every moment."""
    link = place / f"{CURRENT}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(copy.name)
    os.replace(link, place / CURRENT)  # noqa: PTH105  Path.replace would follow the link
