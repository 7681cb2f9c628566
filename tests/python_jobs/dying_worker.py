"""Preloaded by the tests' workers: kills a process as a function is called, where a file says so.

In the directory ``DIES_IN`` a file called ``MODULE:FUNCTION`` holds whom to kill (``self`` or the
id of a process), at which call since the file is there, and whether ``before`` or ``after`` it.
Whoever comes first takes the file away, so that it happens once.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

PLACES = (
    "python_jobs.distributed.partitions:read_range",
    "python_jobs.distributed.judging:top_n",
    "python_jobs.distributed.fit_tasks:user_step",
    "python_jobs.distributed.lists:load_block",
)
CALLS: Counter[str] = Counter()


def dask_setup(worker: Any) -> None:
    """Put the trap around each place."""
    for place in PLACES:
        module, name = import_module(place.split(":")[0]), place.split(":")[1]
        setattr(module, name, trapped(place, getattr(module, name)))


def trapped(place: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with a trap around it."""

    def call(*arguments: Any, **named: Any) -> Any:
        CALLS[place] += Path(os.environ["DIES_IN"], place).exists()
        spring(place, "before")
        returned = function(*arguments, **named)
        spring(place, "after")
        return returned

    return call


def spring(place: str, when: str) -> None:
    """Kill what the file says, if there is one, and it is time."""
    file = Path(os.environ["DIES_IN"], place)
    try:
        whom, number, its_time = file.read_text().split()
        if its_time != when or CALLS[place] < int(number):
            return
        file.rename(file.with_suffix(".sprung"))
    except FileNotFoundError:
        return
    os.kill(os.getpid() if whom == "self" else int(whom), signal.SIGKILL)
