"""Where the copy is; by itself, so that asking whether there is one takes no time."""

from __future__ import annotations

from pathlib import Path

PLACE = Path(".dashboards", "marts")
"""In the project. ``current`` in it is a link to the newest copy; dashboards/serve.py reads it."""
CURRENT = "current"


def has_snapshot(project_dir: Path | None) -> bool:
    """Return whether a project has a copy, and so dashboards that want a fresh one.

    Parameters
    ----------
    project_dir
        Directory of the project; None is the working directory.
    """
    return ((project_dir or Path()) / PLACE / CURRENT).exists()
