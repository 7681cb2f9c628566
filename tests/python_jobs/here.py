"""A cluster that is this process: what is submitted is done at once, and what is made is kept."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Made:
    """What a task returned."""

    value: Any


class Here:
    """Does at once what is submitted, with arguments as a worker has them: copies, read-only."""

    def submit(self, place: int, function: Callable[..., Any], *arguments: Any) -> Made:
        given = [frozen(a.value) if isinstance(a, Made) else sent(a) for a in arguments]
        return Made(frozen(function(*given)))

    def results(self, handles: Sequence[Made]) -> list[Any]:
        return [sent(handle.value) for handle in handles]

    def finish(self, handles: Sequence[Made], done: Callable[[int], object]) -> None:
        for number in range(len(handles)):
            done(number)

    def spread(self, handles: Sequence[Made]) -> None:
        pass


def sent(value: Any) -> Any:
    """Return what arrives on the other side."""
    return pickle.loads(pickle.dumps(value))


def frozen(value: Any) -> Any:
    """Return a value whose arrays cannot be written, as they arrive from another worker."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, (list, tuple)):
        for each in value:
            frozen(each)
    elif isinstance(value, dict):
        frozen(list(value.values()))
    elif hasattr(value, "__dict__"):
        frozen(vars(value))
    return value
