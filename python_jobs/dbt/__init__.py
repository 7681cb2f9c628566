"""dbt: what the project says, asked of dbt itself in a process of its own."""
