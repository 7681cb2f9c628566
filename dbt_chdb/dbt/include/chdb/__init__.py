"""dbt's side of the adapter: an empty package, since every macro is dbt-clickhouse's own."""

from pathlib import Path

PACKAGE_PATH = str(Path(__file__).parent)
