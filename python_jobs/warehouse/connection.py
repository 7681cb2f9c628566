"""The way into ClickHouse: a client for the server or the embedded engine of dbt's profile."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from python_jobs.dbt.project import Credentials, DbtOptions, DbtProject
from python_jobs.dbt.question import Question
from python_jobs.dbt.relation import Relation
from python_jobs.errors import UserError
from python_jobs.warehouse import replicas
from python_jobs.warehouse.explained_errors import (
    error_code,
    explained_errors,
    first_line,
    root_cause,
    without_secret,
)

READ_MODELS = ("mart_user_movie_matrix", "mart_movies", "mart_users", "mart_dataset")
PUBLISHED_TABLES = (
    "training_runs",
    "refused_runs",
    "recommendations",
    "similar_movies",
    "movie_factors",
    "dataset_samples",
)
"""What the jobs read of dbt's, and what they fill."""
AUTHENTICATION_FAILED = 516
"""ClickHouse's code for a wrong user or password."""


@dataclass(frozen=True)
class Warehouse:
    """An open ClickHouse and the names of what is in it."""

    client: Client
    """Belongs to the thread that opened it; others take their own from :func:`new_client`."""
    project: DbtProject
    replicated: frozenset[Relation] = frozenset()
    """Those of its tables that have replicas; none on a single server."""

    @property
    def embedded(self) -> bool:
        """Whether this process is the only one that can have the database open."""
        return self.project.credentials.type == "chdb"

    @property
    def mart(self) -> Relation:
        """The training mart."""
        return self.project.model("mart_user_movie_matrix")

    @property
    def movies(self) -> Relation:
        """The movies with their titles and genres."""
        return self.project.model("mart_movies")

    def published(self, table: str) -> Relation:
        """Return where a table is that python_jobs fills."""
        source = "recommender_datasets" if table == "dataset_samples" else "recommender"
        return self.project.source(source, table)

    def number(self, query: str, parameters: dict[str, Any] | None = None) -> int:
        """Return the whole number that is all that a query selects."""
        ((number,),) = self.client.query(query, parameters=parameters).result_rows
        return int(number)


@contextmanager
def open_warehouse(dbt: DbtOptions | Question, *, create: bool = False) -> Iterator[Warehouse]:
    """Open the ClickHouse of dbt's profile for the length of a ``with`` block.

    A job that reads what was built or published calls :func:`caught_up` besides; whoever runs
    statements of their own need not have the rights for it.

    Parameters
    ----------
    dbt
        dbt's options, or the question that was asked with them.
    create
        Whether an embedded database that does not exist yet may be made.

    Raises
    ------
    UserError
        If dbt cannot read the project, or ClickHouse cannot be reached or opened; and, from the
        body, if a relation that dbt builds is missing.
    """
    question = Question(dbt) if isinstance(dbt, DbtOptions) else dbt
    project = question.answer()
    if project.credentials.type == "chdb" and not create:
        require_embedded(project)
    client = new_client(project)
    try:
        with explained_errors(project):
            yield Warehouse(client, project)
    finally:
        client.close()


def caught_up(warehouse: Warehouse) -> Warehouse:
    """Return the warehouse as it knows its replicated tables, each with what others have of it."""
    if warehouse.embedded:
        return warehouse
    tables = [warehouse.project.model(name) for name in READ_MODELS]
    tables += [warehouse.published(name) for name in PUBLISHED_TABLES]
    found = replicas.replicated_among(warehouse.client, tables)
    replicas.catch_up(opened := replace(warehouse, replicated=found), *tables)
    return opened


def new_client(
    project: DbtProject,
    engine_settings: dict[str, str] | None = None,
    path: Path | None = None,
) -> Client:
    """Return a client of the project's ClickHouse, for the calling thread alone.

    Parameters
    ----------
    project
        Says where it is.
    engine_settings
        What an embedded engine is to be started with, by ClickHouse's own names.
    path
        Another embedded database than the project's.

    Raises
    ------
    UserError
        If the server refuses, does not answer or does not accept the password, or the embedded
        database is held by another process or cannot be written.
    """
    if project.credentials.type == "chdb":
        return _embedded_client(path or embedded_path(project), engine_settings or {})
    return _server_client(project.credentials)


def embedded_path(project: DbtProject) -> Path:
    """Return the embedded database's directory; a relative one is relative to the project."""
    return project.directory / project.credentials.chdb_path


def require_embedded(project: DbtProject) -> None:
    """Refuse an embedded database that does not exist yet.

    Raises
    ------
    UserError
        If there is none.
    """
    path = embedded_path(project)
    if not path.is_dir():
        raise UserError(
            f"There is no embedded database at {path} yet.",
            "Run `dbt seed` (the sample) or `python_jobs load-movielens PATH`, then `dbt build`.",
        )


def _embedded_client(path: Path, engine_settings: dict[str, str]) -> Client:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The embedded database cannot be made at {path}: {error.strerror}.",
            "Set chdb_path in profiles.yml (or DATAFLIX_CHDB_PATH) to a directory you can write.",
        ) from error
    if not os.access(path, os.W_OK):
        raise UserError(
            f"The embedded database at {path} cannot be written.",
            "Set chdb_path in profiles.yml (or DATAFLIX_CHDB_PATH) to a directory you can write.",
        )
    try:
        started_with = f"{path}?{urlencode(engine_settings, quote_via=quote, safe='/')}"
        return clickhouse_connect.get_client(
            interface="chdb", path=started_with if engine_settings else str(path)
        )
    except Exception as error:  # chDB raises bare RuntimeErrors
        raise UserError(
            f"The embedded database at {path} cannot be opened: {first_line(error)}",
            "One process at a time can have it open. Close the other one (dbt, python_jobs, a "
            "notebook) and run this again.",
        ) from error


def _server_client(credentials: Credentials) -> Client:
    address = f"{credentials.host}:{credentials.port or 'default port'}"
    # Both warn of each failed attempt; the exception says it once, and is shown.
    for logger in ("clickhouse_connect", "urllib3"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    try:
        return clickhouse_connect.get_client(
            host=credentials.host,
            port=credentials.port or 0,
            username=credentials.user or "default",
            password=credentials.password,
            secure=credentials.secure,
            verify=credentials.verify,
            client_cert=credentials.client_cert,
            client_cert_key=credentials.client_cert_key,
            server_host_name=credentials.server_host_name,
            connect_timeout=credentials.connect_timeout,
            send_receive_timeout=credentials.send_receive_timeout,
            compress=credentials.compression or True,
            query_limit=0,
            settings=credentials.custom_settings,
            client_name="dataflix",
            # A session would allow one query at a time, and nothing here needs temporary tables.
            autogenerate_session_id=False,
        )
    except (ClickHouseError, OSError) as error:  # OSError: a certificate that cannot be read
        if error_code(error) == AUTHENTICATION_FAILED:
            raise UserError(
                f"ClickHouse at {address} does not accept user {credentials.user} with the "
                "password it was given.",
                "Check CLICKHOUSE_USER and DBT_ENV_SECRET_CLICKHOUSE_PASSWORD.",
            ) from None
        reason = without_secret(root_cause(error), credentials.password)
        raise UserError(
            f"ClickHouse at {address} cannot be reached: {reason}.",
            "Check CLICKHOUSE_HOST, CLICKHOUSE_PORT and CLICKHOUSE_SECURE, and that the server "
            "is up; `dbt debug` makes the same connection.",
        ) from None
