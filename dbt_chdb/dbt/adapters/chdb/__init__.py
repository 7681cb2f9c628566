"""The embedded target: dbt-clickhouse on chDB, ClickHouse as a library in dbt's own process.

Everything but the way a connection is opened is dbt-clickhouse's, macros and materializations
included. dbt-clickhouse's maintainers have an open change that adds ``driver: chdb`` with
``chdb_path`` (https://github.com/ClickHouse/dbt-clickhouse/pull/693); when it ships, this folder
goes and the profile says ``type: clickhouse``, ``driver: chdb``. Nothing else imports it.
"""

from dbt.adapters.base import AdapterPlugin
from dbt.adapters.chdb.connections import ChdbConnectionManager, ChdbCredentials
from dbt.adapters.chdb.impl import ChdbAdapter
from dbt.include import chdb

Plugin = AdapterPlugin(
    adapter=ChdbAdapter,
    credentials=ChdbCredentials,
    include_path=chdb.PACKAGE_PATH,
    dependencies=["clickhouse"],
)

__all__ = ["ChdbAdapter", "ChdbConnectionManager", "ChdbCredentials", "Plugin"]
