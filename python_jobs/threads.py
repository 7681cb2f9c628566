"""How many threads share a piece of work, how urgent one is, and what is done beside another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from math import ceil
from pathlib import Path
from threading import Thread
from typing import TypeVar

MACHINE = Path("/")
NICENESS = 5
"""How much less urgent what can wait is: it gets a quarter of a core that another wants too."""
R = TypeVar("R")
T = TypeVar("T")


def thread_count(machine: Path = MACHINE) -> int:
    """Return one for each core that this process may use, or what ``NUMBA_NUM_THREADS`` says.

    Parameters
    ----------
    machine
        The root of the file system in which Linux says what a container may use.

    Returns
    -------
    int
        At least 1. Part of a core counts as one.
    """
    wanted = os.environ.get("NUMBA_NUM_THREADS")
    if wanted:
        return int(wanted)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quotas = [quota for group in _groups(machine) if (quota := _quota(group))]
    return max(1, ceil(min([cores or 1, *quotas])))


def giving_way(work: Callable[[], R]) -> R:
    """Return what work returns; it is done on a thread that gives way to what is more urgent.

    Only Linux has threads of their own urgency, and lets nobody but root make a whole process as
    urgent again as it was. Threads that the work begins are as little urgent for good. Who is
    interrupted does not wait for it.
    """

    def nice() -> R:
        if sys.platform == "linux":
            # A system that forbids it is only slower.
            with suppress(OSError):
                os.nice(NICENESS)
        return work()

    return beside(nice).result()


def beside(work: Callable[[], R]) -> Future[R]:
    """Begin work on a thread of its own, for which neither an interrupt nor the process waits."""
    done: Future[R] = Future()

    def finish() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=finish, daemon=True).start()
    return done


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, none of them None; each is made on a thread while the one before is used."""
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        following = pool.submit(next, iterator, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, iterator, None)
            yield item


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep BLAS on one thread, whose products in this project are of k × k matrices.

    A second thread waits for each of them by spinning. With k = 40 on MovieLens' latest-small that
    took eleven times the CPU and, where the other core had work to do, fourteen times as long.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def _groups(machine: Path) -> Iterator[Path]:
    """Yield the directories of the control groups that share out cores, this process's first.

    With version 2 they are under one root, with version 1 under that of the ``cpu`` controller. A
    quota of any parent counts too. Most containers see their own group as the root.
    """
    try:
        lines = (machine / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = machine / "sys/fs/cgroup" / controllers
        group = root / path.lstrip("/")
        yield from (each for each in (group, *group.parents) if each.is_relative_to(root))


def _quota(group: Path) -> float | None:
    """Return the cores that a group may use, fractions included; None where it may use all."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except OSError:
        try:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    return None if quota == "max" or int(quota) < 0 else int(quota) / int(period)
