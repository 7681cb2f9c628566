"""A command in a process of its own, and what the kernel says it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from python_jobs.progress import MEBIBYTE


@dataclass(frozen=True)
class Usage:
    """What a process took, start-up and imports included."""

    wall_seconds: float
    cpu_seconds: float
    """User and system time of all its threads, and of the children that it waited for."""
    peak_rss_mib: float

    def as_dict(self) -> dict[str, float]:
        """Return the fields by name, for JSON."""
        return asdict(self)


def measured(
    command: Sequence[str | Path], directory: Path, environment: dict[str, str], log: Path
) -> Usage:
    """Run a command to its end and measure it; what it prints goes to a file.

    The kernel lets a process inherit the peak memory of the one that started it, so that the caller
    must itself be smaller than what it measures: it works with files and lets others hold the data.

    Raises
    ------
    SystemExit
        If it fails, with the end of what it printed.
    """
    words = [str(word) for word in command]
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            words, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        # Popen's own wait would throw the usage away.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{log.read_text(errors='replace')[-4000:]}")
    # Linux counts kilobytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    cpu = usage.ru_utime + usage.ru_stime
    return Usage(wall, cpu, usage.ru_maxrss * unit / MEBIBYTE)
