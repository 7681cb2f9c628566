"""How many threads share a piece of work: as many as there are cores to run them; in BLAS one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from math import ceil
from pathlib import Path

MACHINE = Path("/")


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
