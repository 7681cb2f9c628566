"""What all screens are made with: the console, tables and figures."""

from __future__ import annotations

import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

IN_A_LOG = 150
"""Width of tables in a log, where there is no terminal to ask."""
CUT = {"title": 30, "genres": 21, "because you watched": 22}
"""Widths at which columns are cut where two tables stand beside each other."""


def console() -> Console:
    """Return a console on stdout; as wide as the terminal, or wide enough for a log."""
    return Console(width=None if sys.stdout.isatty() else IN_A_LOG, highlight=False)


def table_of(*columns: str, title: str | None = None, cut: bool = False) -> Table:
    """Return an empty table with these columns, narrow ones where it is to stand beside another."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in columns:
        width = CUT.get(column)
        table.add_column(
            column,
            no_wrap=True,
            max_width=width if cut else None,
            min_width=None if width else len(column),
        )
    return table


def figure(metrics: dict[str, float], name: str) -> str:
    """Return a metric with four digits; empty where it was not measured."""
    return f"{metrics[name]:.4f}" if name in metrics else ""
