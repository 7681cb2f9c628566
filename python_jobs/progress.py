"""What long work shows: a line for each phase on a terminal, nothing in a log; and what it cost."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MEBIBYTE = 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What one phase took."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    """Highest resident memory of the process since it started, at the end of the phase."""


@dataclass(frozen=True)
class Clock:
    """Wall and CPU seconds, as a moment or as the time between two."""

    wall: float = 0.0
    cpu: float = 0.0

    @classmethod
    def now(cls) -> Clock:
        """Read both clocks; the CPU clock counts every thread of the process."""
        return cls(time.perf_counter(), time.process_time())

    def __sub__(self, other: Clock) -> Clock:
        return Clock(self.wall - other.wall, self.cpu - other.cpu)

    def __add__(self, other: Clock) -> Clock:
        return Clock(self.wall + other.wall, self.cpu + other.cpu)


@dataclass
class Phases:
    """Names, times and, on a terminal, shows the phases of a job as they pass."""

    progress: Progress | None = None
    """Where to draw; None draws nothing."""
    costs: dict[str, Cost] = field(default_factory=dict)
    """Cost of each finished phase, in order."""
    _inner: Clock = field(default_factory=Clock)

    @contextmanager
    def phase(self, name: str, total: int | None = None) -> Iterator[Bar]:
        """Time a ``with`` block; ``total`` is the number of steps, where the end is known.

        What :meth:`part` measures inside the block counts there and not here.
        """
        task = self.progress.add_task(name, total=total) if self.progress else None
        clock, inner = Clock.now(), self._inner
        yield Bar(self.progress, task)
        self._add(name, Clock.now() - clock - (self._inner - inner))
        if self.progress and task is not None:
            self.progress.update(task, total=total or 1, completed=total or 1)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a ``with`` block inside a phase, as a phase of its own."""
        clock = Clock.now()
        yield
        spent = Clock.now() - clock
        self._inner += spent
        self._add(name, spent)

    def timed(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, and count the making of them as a phase of its own."""
        iterator = iter(items)
        while True:
            with self.part(name):
                item = next(iterator, None)
            if item is None:
                return
            yield item

    def _add(self, name: str, spent: Clock) -> None:
        before = self.costs.get(name, Cost(0.0, 0.0, 0.0))
        self.costs[name] = Cost(
            before.wall_seconds + spent.wall, before.cpu_seconds + spent.cpu, peak_rss_mib()
        )

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

    def expect(self, total: int) -> None:
        """Say how many steps there will be, where that shows only after the phase has begun."""
        if self.progress and self.task is not None:
            self.progress.update(self.task, total=total)

    def advance(self, steps: int = 1) -> None:
        """Say that so many more steps are done."""
        if self.progress and self.task is not None:
            self.progress.advance(self.task, steps)

    @contextmanager
    def stretch(self, steps: int) -> Iterator[Callable[[], None]]:
        """Yield what advances by one step, for work that may need fewer than so many, or more.

        At the end of the ``with`` block so many steps are done, neither fewer nor more.
        """
        left = steps

        def step() -> None:
            nonlocal left
            if left:
                left -= 1
                self.advance()

        yield step
        self.advance(left)


NO_BAR = Bar(None, None)
"""For work that nobody watches."""


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
