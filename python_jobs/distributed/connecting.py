"""How Dask's workers are reached, or begun on this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from python_jobs.distributed.workers import Workers
from python_jobs.errors import UserError
from python_jobs.threads import thread_count

if TYPE_CHECKING:
    from distributed import Client

SECONDS_TO_CONNECT = 10
SECONDS_TO_BEGIN = 120
"""Far more than workers on this machine need: one that cannot begin never comes."""
PACKAGES = ("dataflix", "numpy", "scipy", "scikit-learn", "dask")
"""What has to be of one version everywhere for the bits to be the same."""
FAILURES = (OSError, ValueError, TypeError, RuntimeError)
"""What Dask raises where it cannot connect or begin; the last two, where TLS is not as it should
be."""


@contextmanager
def connected(scheduler: str | None, workers: int | None) -> Iterator[Workers]:
    """Reach a scheduler, or begin one on this machine, for the length of a ``with`` block.

    Parameters
    ----------
    scheduler
        Its address, such as ``tcp://10.0.0.5:8786``; None begins one here.
    workers
        How many workers to begin here, where no scheduler is named; they share out the cores.

    Raises
    ------
    UserError
        If Dask is not installed, the scheduler does not answer, has no workers, or a worker has
        other versions than this machine.
    """
    try:
        import dask
        import distributed
    except ImportError:
        raise UserError(
            "The engine dask needs Dask, which is not installed.",
            "`pip install 'dataflix[dask]'`, here and where the workers are; or train without "
            "--engine dask.",
        ) from None
    # Each failure is said once, by the command.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.comm.retry.count": 2}))
        begun_here = scheduler is None
        if scheduler is None:
            scheduler = _begun_here(stack, workers or 2)
        try:
            client = distributed.Client(scheduler, timeout=SECONDS_TO_CONNECT, name="dataflix")
        except FAILURES as error:
            raise UserError(
                f"The scheduler at {scheduler} cannot be reached: {_why(error)}.",
                "Check --scheduler, such as tcp://10.0.0.5:8786, and that `dask scheduler` is up. "
                "With TLS the address begins with tls:// and Dask's own configuration names the "
                "certificates (docs/scale.md).",
            ) from None
        stack.callback(_closed, client)
        if begun_here:
            client.run(_silenced)
        yield _found(client, scheduler)


def _found(client: Client, scheduler: str) -> Workers:
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
    except TimeoutError:
        raise UserError(
            f"The scheduler at {scheduler} has no workers.",
            f"Start them with `dask worker {scheduler} --nthreads 1`, one on each machine.",
        ) from None
    places = sorted(client.scheduler_info(n_workers=-1)["workers"])
    found = Workers(client, scheduler, places)
    ours = versions()
    for worker, theirs in found.on_all(versions).items():
        other = [
            f"{name} {theirs[name]} (here {ours[name]})"
            for name in ours
            if theirs[name] != ours[name]
        ]
        if other:
            raise UserError(
                f"The worker at {worker} has other versions than this machine: {', '.join(other)}.",
                "Install the same release with the same locks everywhere.",
            )
    return found


def versions() -> dict[str, str]:
    """Return the version of each of :data:`PACKAGES` here, and of Python."""
    import platform
    from importlib.metadata import version

    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _begun_here(stack: ExitStack, workers: int) -> str:
    import distributed

    try:
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=0,
                threads_per_worker=1,
                memory_limit=None,
                dashboard_address="127.0.0.1:0",
                env={"NUMBA_NUM_THREADS": str(max(1, thread_count() // workers))},
                silence_logs=logging.CRITICAL,
            )
        )
        # Asked for at the start, an interrupt would leave them half begun, and Dask would fail to
        # close them.
        cluster.scale(workers)
        cluster.wait_for_workers(workers, timeout=SECONDS_TO_BEGIN)
    except FAILURES as error:
        raise UserError(
            f"Dask cannot begin workers on this machine: {_why(error)}.",
            "Check Dask's own configuration, of TLS above all (docs/scale.md).",
        ) from None
    return str(cluster.scheduler_address)


def _silenced() -> None:
    # Of a heartbeat that comes while a worker is closed Tornado prints a traceback.
    logging.getLogger("tornado.application").setLevel(logging.CRITICAL)


def _closed(client: Client) -> None:
    # A scheduler that is gone is not waited for.
    with suppress(Exception):
        client.close(timeout=2)


def _why(error: BaseException) -> str:
    """Return what is wrong; Dask's words know nothing of files, and of configuration little."""
    while error.__cause__:
        error = error.__cause__
    said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    if isinstance(error, FileNotFoundError):
        return "a file of a certificate or key that Dask's configuration names is not there"
    if "ssl_context" in said:
        return "it wants certificates, and Dask's configuration here names none"
    if said.startswith("encryption required"):
        return "Dask's configuration here requires encryption, and its address is not tls://"
    return said
