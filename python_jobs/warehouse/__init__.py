"""ClickHouse: the connection, and what its errors mean."""
