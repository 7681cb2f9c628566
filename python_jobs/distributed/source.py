"""Where a worker reads: its own connection, with the password of its own environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from python_jobs.dbt.project import DbtProject
from python_jobs.errors import UserError
from python_jobs.warehouse.connection import Warehouse, caught_up, new_client
from python_jobs.warehouse.explained_errors import explained_errors

PASSWORD = "DBT_ENV_SECRET_CLICKHOUSE_PASSWORD"  # noqa: S105  # the name of the variable


@dataclass(frozen=True)
class Source:
    """What a worker is told of the project: everything but the password."""

    project: DbtProject

    @classmethod
    def of(cls, project: DbtProject) -> Source:
        """Leave the password out: what is sent to workers is not encrypted unless Dask is told."""
        return cls(replace(project, credentials=replace(project.credentials, password="")))

    @contextmanager
    def opened(self, where: str = "") -> Iterator[Warehouse]:
        """Open ClickHouse from where this is called, for the length of a ``with`` block.

        ``where`` is the address of the worker, where it is known; a task's own worker by default.

        Raises
        ------
        UserError
            If ClickHouse cannot be reached from here, or fails; it says where "here" is.
        """
        its = replace(self.project.credentials, password=os.environ.get(PASSWORD, ""))
        project = replace(self.project, credentials=its)
        try:
            client = new_client(project)
            try:
                with explained_errors(project):
                    yield caught_up(Warehouse(client, project))
            finally:
                client.close()
        except UserError as error:
            # Without what led to it, which may know more than it may say.
            worker = where or this_worker()
            raise UserError(f"The worker at {worker}: {error.message}", error.hint) from None


def this_worker() -> str:
    """Return the address of the worker that this is called on."""
    try:
        from distributed import get_worker

        return str(get_worker().address)
    except (ImportError, ValueError):  # not on a worker
        return f"process {os.getpid()}"


def require_answer(source: Source, dask_worker: Any = None) -> None:
    """Ask ClickHouse for a one; Dask says which worker it is asked from.

    Raises
    ------
    UserError
        As :meth:`Source.opened` does.
    """
    with source.opened(str(dask_worker.address) if dask_worker else "") as warehouse:
        warehouse.number("select 1")
