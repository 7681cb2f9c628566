"""A table's place in ClickHouse: named once, quoted once, and never parsed back."""

from __future__ import annotations

from dataclasses import dataclass, replace

KEYWORDS = ("table", "function")
"""Plain words that ClickHouse does not take for a database's name in every statement."""


@dataclass(frozen=True)
class Relation:
    """A table or view; as text it is ``database.table``, quoted for SQL where it must be."""

    database: str
    """As ``system.databases`` spells it."""
    table: str
    """As ``system.tables`` spells it."""

    def __str__(self) -> str:
        return f"{self.quoted_database}.{quoted(self.table)}"

    @property
    def quoted_database(self) -> str:
        """The database alone, quoted for SQL where it must be."""
        return quoted(self.database)

    def beside(self, table: str) -> Relation:
        """Return another table of the same database."""
        return replace(self, table=table)


def quoted(identifier: str) -> str:
    """Return a name as SQL takes it, in quotes where it must be."""
    plain = identifier.isidentifier() and identifier.isascii()
    if plain and identifier.lower() not in KEYWORDS:
        return identifier
    escaped = identifier.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
