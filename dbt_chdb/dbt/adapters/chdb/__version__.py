"""Version of the adapter; dbt's adapter factory imports this module by its name."""

version = "0.1.0"
