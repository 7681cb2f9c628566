"""What long work shows: a line for each phase on a terminal, nothing in a log; and what it cost."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """What one phase took."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    """Highest resident memory of the process since it started, at the end of the phase."""


@dataclass
class Phases:
    """Names, times and, on a terminal, shows the phases of a job as they pass."""

    progress: Progress | None = None
    """Where to draw; None draws nothing."""
    costs: dict[str, Cost] = field(default_factory=dict)
    """Cost of each finished phase, in order."""

    @contextmanager
    def phase(self, name: str, total: int | None = None) -> Iterator[Bar]:
        """Time a ``with`` block; ``total`` is the number of steps, where the end is known."""
        task = self.progress.add_task(name, total=total) if self.progress else None
        wall, cpu = time.perf_counter(), time.process_time()
        yield Bar(self.progress, task)
        seconds = time.perf_counter() - wall
        self.costs[name] = Cost(seconds, time.process_time() - cpu, peak_rss_mib())
        if self.progress and task is not None:
            self.progress.update(task, total=total or 1, completed=total or 1)

    def metrics(self) -> dict[str, float]:
        """Return the costs as flat MLflow metrics, ``phase_<name>_seconds`` and so on."""
        flat: dict[str, float] = {}
        for name, cost in self.costs.items():
            flat[f"phase_{name}_seconds"] = cost.wall_seconds
            flat[f"phase_{name}_cpu_seconds"] = cost.cpu_seconds
            flat[f"phase_{name}_peak_rss_mib"] = cost.peak_rss_mib
        return flat


@dataclass(frozen=True)
class Bar:
    """The bar of one phase; advancing it where nothing is drawn does nothing."""

    progress: Progress | None
    task: TaskID | None

    def advance(self, steps: int = 1) -> None:
        """Say that so many more steps are done."""
        if self.progress and self.task is not None:
            self.progress.advance(self.task, steps)


@contextmanager
def shown_phases() -> Iterator[Phases]:
    """Show phases on stderr for the length of a ``with`` block, where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield Phases()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Phases(progress)


def peak_rss_mib() -> float:
    """Return the highest resident memory of this process so far, in MiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return peak / MEBIBYTE if sys.platform == "darwin" else peak / 1024
