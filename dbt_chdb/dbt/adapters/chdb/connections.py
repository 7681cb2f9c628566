"""Credentials, connection manager and client of an embedded database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt.adapters.clickhouse.connections import ClickHouseConnectionManager
from dbt.adapters.clickhouse.credentials import ClickHouseCredentials
from dbt.adapters.clickhouse.httpclient import ChHttpClient
from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.exceptions import FailedToConnectError
from dbt.flags import get_flags


@dataclass
class ChdbCredentials(ClickHouseCredentials):  # type: ignore[misc]  # dbt ships no types for it
    """What the profile says: ``chdb_path`` and ``schema``."""

    chdb_path: str = ".chdb"
    """Directory of the database; a relative one is relative to the dbt project's directory."""

    def __post_init__(self) -> None:
        """Find the directory, while the working directory is still the one dbt started in."""
        super().__post_init__()
        project = Path(getattr(get_flags(), "PROJECT_DIR", None) or Path()).resolve()
        # Beside chdb_path: dbt parses everything again when what the profile says changes.
        self.directory = project / self.chdb_path

    @property
    def type(self) -> str:
        """Name of the adapter."""
        return "chdb"

    @property
    def unique_field(self) -> str:
        """What tells two databases apart; dbt sends it hashed, and only if it may."""
        return self.chdb_path

    def _connection_keys(self) -> tuple[str, ...]:
        return ("chdb_path", "schema", "custom_settings")


class ChdbClient(ChHttpClient):  # type: ignore[misc]  # dbt ships no types for it
    """dbt-clickhouse's client over clickhouse-connect, on its chDB backend."""

    def _create_client(self, credentials: ChdbCredentials) -> Any:
        import clickhouse_connect

        path = credentials.directory
        _require_writable(path)
        # An embedded database has no sessions to name.
        self._conn_settings.pop("session_id", None)
        try:
            return clickhouse_connect.get_client(
                interface="chdb", path=str(path), query_limit=0, settings=self._conn_settings
            )
        except Exception as error:
            # Held by another process, chDB gives no reason; for anything else it does.
            if "Error initializing EmbeddedServer: . " not in str(error):
                reason = str(error).partition(", Stack trace")[0]
                raise FailedToConnectError(
                    f"The embedded database at {path} cannot be opened: {reason}"
                ) from error
            raise FailedToConnectError(
                f"The embedded database at {path} cannot be opened: another process has it open "
                "(a running dbt, python_jobs or a notebook), and chDB allows one at a time. Close "
                "the other one and run this again."
            ) from error


class ChdbConnectionManager(ClickHouseConnectionManager):  # type: ignore[misc]  # as above
    """Opens a client of the embedded database for each of dbt's threads."""

    TYPE = "chdb"

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """Open a connection unless it is open."""
        if connection.state == ConnectionState.OPEN:
            return connection
        # Without the retries of a server's connection: who holds the database keeps it for long.
        try:
            connection.handle = ChdbClient(connection.credentials)
        except Exception:
            connection.handle, connection.state = None, ConnectionState.FAIL
            raise
        connection.state = ConnectionState.OPEN
        return connection


def _require_writable(path: Path) -> None:
    advice = "Set chdb_path in profiles.yml (or DATAFLIX_CHDB_PATH) to a directory you can write."
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FailedToConnectError(
            f"The embedded database cannot be made at {path}: {error.strerror}. {advice}"
        ) from error
    if not os.access(path, os.W_OK):
        raise FailedToConnectError(f"The embedded database at {path} cannot be written. {advice}")
