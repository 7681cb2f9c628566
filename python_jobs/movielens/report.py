"""What a load found, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN_LINES = 5
"""Rejected lines to show of each file."""
SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class RejectedLine:
    """A line that could not be used."""

    file: str
    line_number: int
    """From 1, as editors count; a header counts."""
    reason: str
    line: str

    def __str__(self) -> str:
        shown = self.line[:SHOWN_CHARACTERS]
        dots = "…" if len(self.line) > SHOWN_CHARACTERS else ""
        return f"{self.file}, line {self.line_number:,}: {self.reason}: {shown!r}{dots}"


@dataclass(frozen=True)
class FileReport:
    """What became of a file's lines."""

    file: str
    lines: int
    """Lines in the file; a header is none of them."""
    rejected: int

    @property
    def loaded(self) -> int:
        """Lines that became rows."""
        return self.lines - self.rejected


@dataclass(frozen=True)
class LoadReport:
    """What a load found and made."""

    release: str
    """The format that was recognised."""
    files: list[FileReport]
    rows: dict[str, int]
    """Rows of each raw table, by its relation."""
    rejected: list[RejectedLine]
    """The first few of each file."""
    rejected_lines: str
    """Relation that keeps all of them."""


def show_load(report: LoadReport) -> None:
    """Print what was loaded, what was rejected, and what to run next."""
    from rich.markup import escape
    from rich.table import Table

    from python_jobs.commands.screens import console

    screen = console()
    screen.print(f"Format: {report.release}.", markup=False)
    files = Table("file", box=None, pad_edge=False)
    for heading in ("lines", "loaded", "rejected"):
        files.add_column(heading, justify="right")
    for file in report.files:
        files.add_row(file.file, f"{file.lines:,}", f"{file.loaded:,}", f"{file.rejected:,}")
    screen.print(files)
    tables = Table("table", box=None, pad_edge=False)
    tables.add_column("rows", justify="right")
    for relation, rows in report.rows.items():
        tables.add_row(escape(relation), f"{rows:,}")
    screen.print()
    screen.print(tables)
    rejected = sum(file.rejected for file in report.files)
    if rejected:
        screen.print(
            f"\nRejected lines are kept in {report.rejected_lines}; the first of each file:",
            markup=False,
        )
        for line in report.rejected:
            screen.print(f"  {line}", markup=False, emoji=False, soft_wrap=True)
    screen.print("\nNext:\n  dbt build\n  python_jobs train")
