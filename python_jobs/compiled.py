"""How the inner loops are compiled, and run over users on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import numba
from numba import types

from python_jobs.threads import thread_count

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
R = TypeVar("R")

FOR_KERNELS: tuple[Literal["C", "A", "W"], ...] = ("C", "A", "W")
"""What an array must be: numba compiles once more for what is strided, unaligned or read-only."""
READ_ONLY: tuple[Literal["C", "A"], ...] = ("C", "A")
"""The same for what a loop takes read-only, as what another task has made is."""
LONGS, INTS, FLOATS = (
    types.Array(of, 1, "C", readonly=True) for of in (types.int64, types.int32, types.float32)
)
"""What is only read may be read-only: it may be what another task has made."""
USERS_PER_SPAN = 128
"""Few enough to share the cache and to level out heavy users, many enough to pay for a call."""


def compiled(*signature: object) -> Callable[[F], F]:
    """Compile with numba; keep the result on disk wherever a directory can be written.

    What is kept is checked against the file of the function only: whatever compiled functions it
    calls must be in the same file, or it would go on using old versions of them.

    Parameters
    ----------
    signature
        The types it takes, as numba has or spells them, for a function that is called from Python:
        it is then compiled or loaded when its module is imported, with the rest of the compiler,
        and not in the middle of the work. Without one, when it is first called.
    """

    def compile_it(function: F) -> F:
        try:
            return numba.njit(*signature, nogil=True, cache=True)(function)  # type: ignore[no-any-return]
        except RuntimeError:  # neither __pycache__ nor the user's cache directory is writable
            return numba.njit(*signature, nogil=True)(function)  # type: ignore[no-any-return]

    return compile_it


def over_users(work: Callable[[slice], None], users: int) -> None:
    """Call work for every span of users, on as many threads as :func:`thread_count` says.

    Returns when all of it is done; the first error of any span is raised. Compiled functions let go
    of the interpreter lock, so the spans run side by side. numba's own ``parallel=True`` is no
    faster and takes twice as long to compile, which is what a first run waits for.
    """
    spans = [
        slice(start, min(users, start + USERS_PER_SPAN))
        for start in range(0, users, USERS_PER_SPAN)
    ]
    for _ in side_by_side(work, spans):
        pass


def side_by_side(work: Callable[[T], R], parts: Sequence[T]) -> Iterator[R]:
    """Yield what work returns for each part, in order, on as many threads as there are cores."""
    threads = min(len(parts), thread_count())
    if threads <= 1:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="users") as pool:
        yield from pool.map(work, parts)
