"""Dask's workers: how they are given work and waited for, and what their end is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOSPC, EROFS
from typing import TYPE_CHECKING, Any

from python_jobs.errors import UserError

if TYPE_CHECKING:
    from distributed import Client

SECONDS_WITHOUT_WORKERS = 60
"""For how long a scheduler without a single worker is waited for."""
LOOK_EVERY = 5.0
"""Seconds after which a wait looks whether there are workers left."""
COPIES, TRIES = 2, 3


@dataclass(frozen=True)
class Workers:
    """The workers of a scheduler, each with a partition of its own."""

    client: Client
    address: str
    """Of the scheduler."""
    places: Sequence[str]
    """Addresses of the workers as the job began."""

    @property
    def dashboard(self) -> str:
        """Address of Dask's own page on the work; empty where there is none."""
        return str(self.client.dashboard_link or "")

    def submit(self, place: int, function: Callable[..., Any], *arguments: Any) -> Any:
        """Have the worker of a place call a function; another one, where it is gone."""
        worker = self.places[place % len(self.places)]
        with self._explained():
            return self.client.submit(
                function, *arguments, workers=[worker], allow_other_workers=True, pure=False
            )

    def results(self, handles: Sequence[Any]) -> list[Any]:
        """Wait, and bring the results here."""
        self.finish(handles, lambda _: None)
        with self._explained():
            return list(self.client.gather(list(handles)))

    def finish(self, handles: Sequence[Any], done: Callable[[int], object]) -> None:
        """Wait for what was submitted; as each ends, call with its number."""
        from distributed import wait

        left, without = dict(enumerate(handles)), 0.0
        while left:
            with self._explained():
                try:
                    wait(list(left.values()), LOOK_EVERY, "FIRST_COMPLETED")
                except TimeoutError:
                    without = 0.0 if self._alive() else without + LOOK_EVERY
                for number in [at for at, handle in left.items() if handle.done()]:
                    # An error ends the wait for the others.
                    handle = left.pop(number)
                    if handle.status != "finished":
                        handle.result()
                    done(number)
            if without >= SECONDS_WITHOUT_WORKERS:
                raise UserError(
                    f"The scheduler at {self.address} has no worker left.",
                    "Nothing was published. Start workers, and run the command again.",
                )

    def spread(self, handles: Sequence[Any]) -> None:
        """Have what was made held by two workers."""
        if self._alive() < COPIES:
            return
        for _ in range(TRIES):
            self.finish(handles, lambda _: None)
            try:
                with self._explained():
                    self._replicate([handle.key for handle in handles])
            except (AssertionError, KeyError, ValueError):
                # The scheduler's own, where a worker dies in the middle: what it held is made
                # again. Without a copy nothing is lost but time.
                continue
            return

    def _replicate(self, keys: list[str]) -> None:
        # What the client's own `replicate` asks, but that also deletes copies beyond these, while
        # tasks of the next iteration take them.
        self.client.sync(self.client.scheduler.replicate, keys=keys, n=COPIES, delete=False)

    def on_all(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Have every worker call a function now; return what each said, by its address."""
        with self._explained():
            return dict(self.client.run(function, *arguments))

    def _alive(self) -> int:
        with self._explained():
            return len(self.client.scheduler_info(n_workers=-1)["workers"])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn Dask's errors into advice.

        Raises
        ------
        UserError
            In place of any error of Dask itself; what a task raised is raised as it is.
        """
        from concurrent.futures import CancelledError

        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError

        try:
            yield
        except KilledWorker as error:
            raise UserError(
                f"Worker after worker died of the same work: {error.task}, last the one at "
                f"{error.last_worker.address}.",
                "Nothing was published. Most often a worker has not enough memory: its log says "
                "so. Give workers more of it, or start more of them.",
            ) from None
        except MemoryError:
            raise UserError(
                "A worker has not enough memory for its partition.",
                "Nothing was published. Give workers more memory, or start more of them.",
            ) from None
        except (FutureCancelledError, CancelledError, CommClosedError, OSError) as error:
            # A worker's disk may be full while all else is well.
            if isinstance(error, OSError) and error.errno in (ENOSPC, EROFS):
                raise
            raise self._unreachable() from None
        except Exception:
            # Of many kinds, once the client has given up; while it has not, they are a task's.
            if self.client.status == "running":
                raise
            raise self._unreachable() from None

    def _unreachable(self) -> UserError:
        return UserError(
            f"The scheduler at {self.address} does not answer any more.",
            "Nothing was published; what was live still is. Start it and its workers again.",
        )
