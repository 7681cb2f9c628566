"""How many threads share a piece of work."""

from __future__ import annotations

import os


def thread_count() -> int:
    """Return one for each core that this process may use, or what ``NUMBA_NUM_THREADS`` says."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(os.environ.get("NUMBA_NUM_THREADS") or cores or 1)
