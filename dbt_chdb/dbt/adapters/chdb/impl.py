"""The adapter: dbt-clickhouse's, with connections to an embedded database."""

from __future__ import annotations

from dbt.adapters.chdb.connections import ChdbConnectionManager
from dbt.adapters.clickhouse.impl import ClickHouseAdapter


class ChdbAdapter(ClickHouseAdapter):  # type: ignore[misc]  # dbt ships no types for it
    """dbt-clickhouse's adapter; dbt asks the connection manager which type it is."""

    ConnectionManager = ChdbConnectionManager
