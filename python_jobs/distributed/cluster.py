"""What a distributed job asks of a cluster. The tests have one that does everything at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

Handle = Any
"""Something that a worker holds or will hold: made by a task, so that it can be made again."""

SUMMED_AT_ONCE = 8
"""Partitions whose sums one worker adds up: what it receives is a megabyte of each, at 27,000
movies."""


class Cluster(Protocol):
    """Workers that keep what they made, and make it again where it was lost."""

    def submit(self, place: int, function: Callable[..., Any], *arguments: Any) -> Handle:
        """Have the worker of a partition call a function, handles standing for what they hold."""
        ...

    def results(self, handles: Sequence[Handle]) -> list[Any]:
        """Wait for what was submitted, and return what it made, in order."""
        ...

    def finish(self, handles: Sequence[Handle], done: Callable[[int], object]) -> None:
        """Wait for what was submitted; as each ends, call with its number."""
        ...

    def spread(self, handles: Sequence[Handle]) -> None:
        """Have what was made held twice, so that a worker's death costs little."""
        ...


def total(first: Any, *others: Any) -> Any:
    """Return the sum of all, one after the other."""
    for other in others:
        first = first + other
    return first


def summed(cluster: Cluster, parts: Sequence[Handle]) -> Handle:
    """Return a handle of the sum of all parts: in an order that depends on their number alone."""
    while len(parts) > 1:
        parts = [
            cluster.submit(start, total, *parts[start : start + SUMMED_AT_ONCE])
            for start in range(0, len(parts), SUMMED_AT_ONCE)
        ]
    return parts[0]
