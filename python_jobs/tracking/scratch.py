"""Directories for what is on its way to or from MLflow: models, with the ids of their users."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

PREFIX = "dataflix-"
"""How their names begin; the process that made one comes next."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a directory of this process's own for the length of a ``with`` block."""
    with TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as directory:
        yield Path(directory)


def remove_abandoned() -> None:
    """Remove the directories of processes that were killed: they have not done it themselves."""
    for found in Path(gettempdir()).glob(f"{PREFIX}*-*"):
        process = found.name.removeprefix(PREFIX).partition("-")[0]
        ours = found.is_dir() and found.stat().st_uid == os.getuid()
        if ours and process.isdigit() and not _runs(int(process)):
            shutil.rmtree(found)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's
    return True
