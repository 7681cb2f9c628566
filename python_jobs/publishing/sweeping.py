"""Removing at once what an embedded ClickHouse keeps for a while of what is gone.

A server deletes the parts from before a change, and dropped tables, within ten minutes. An embedded
one lives as long as a command, and its files might lie there until next year.
"""

from __future__ import annotations

import time

from python_jobs.dbt.project import DbtProject
from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError
from python_jobs.warehouse.connection import new_client
from python_jobs.warehouse.explained_errors import explained_errors

AT_ONCE = {"database_atomic_delay_before_drop_table_sec": "0"}
"""How the engine is started: dropped tables wait for nothing."""
NO_PARTITION = "none"
"""A partition that no table has: dropping it has the engine clean up the parts that are gone."""
PATIENCE = 30
"""For how long dropped tables are waited for (s)."""


def sweep(project: DbtProject) -> None:
    """Remove the files of parts that were replaced and of tables that were dropped.

    Parameters
    ----------
    project
        A project whose target is embedded, and which no process has open.

    Raises
    ------
    UserError
        If the database is in use, or the files of a dropped table do not go away.
    """
    names = {place.database for place in (*project.models.values(), *project.sources.values())}
    with explained_errors(project):
        client = new_client(project, AT_ONCE)
        try:
            found = client.query(
                "select database, table from system.parts where not active "
                "and database in {databases:Array(String)} group by all",
                parameters={"databases": sorted(names)},
            )
            for database, table in found.result_rows:
                client.command(
                    f"alter table {Relation(database, table)} drop partition id '{NO_PARTITION}'"
                )
            for _ in range(PATIENCE):
                ((left,),) = client.query("select count() from system.dropped_tables").result_rows
                if not left:
                    return
                time.sleep(1)
        finally:
            client.close()
    raise UserError(
        f"{left} dropped tables still have files in the embedded database.",
        "Run the command again; `system.dropped_tables` names them.",
    )
