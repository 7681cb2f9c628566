"""The options that say what does the work of a training: this process, or Dask's workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from python_jobs.commands.options import Command, setting

if TYPE_CHECKING:
    from python_jobs.commands.session import TrackedSession
    from python_jobs.jobs.engine import Engine

PROCESS, DASK = "process", "dask"


@dataclass(frozen=True)
class WantedEngine:
    """What a training is to be done by."""

    name: str
    scheduler: str | None
    workers: int | None

    @contextmanager
    def begun(self, job: TrackedSession) -> Iterator[Engine | None]:
        """Reach Dask's workers for the length of a ``with`` block; None where it is this process.

        Raises
        ------
        UserError
            If the database is embedded, or the workers cannot be reached or used.
        """
        if self.name == PROCESS:
            yield None
            return
        from python_jobs.distributed.engine import DaskEngine
        from python_jobs.distributed.refusals import require_server
        from python_jobs.distributed.workers import connected

        require_server(job.warehouse.embedded)
        with connected(self.scheduler, self.workers) as workers:
            click.echo(
                f"{len(workers.places)} workers of {workers.address}; Dask's page on their work: "
                f"{workers.dashboard or 'none'}",
                err=True,
            )
            yield DaskEngine(job.warehouse, workers)


def engine_options(command: Command) -> Command:
    """Add ``--engine``, ``--scheduler`` and ``--workers`` as one ``engine`` argument."""

    @setting(
        "--engine",
        "What does the work: this process, or Dask's workers (docs/scale.md).",
        type=click.Choice([PROCESS, DASK]),
        default=PROCESS,
    )
    @setting("--scheduler", "Of --engine dask: address of Dask's scheduler.", metavar="ADDRESS")
    @setting(
        "--workers",
        "Of --engine dask: begin so many workers on this machine instead, to try it.",
        type=click.IntRange(min=1),
    )
    @wraps(command)
    def wrapped(
        *args: Any, engine: str, scheduler: str | None, workers: int | None, **kwargs: Any
    ) -> Any:
        _check(engine, scheduler, workers)
        return command(*args, engine=WantedEngine(engine, scheduler, workers), **kwargs)

    return wrapped


def _check(engine: str, scheduler: str | None, workers: int | None) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    click.UsageError
        If they do not.
    """
    if engine == DASK and (scheduler is None) == (workers is None):
        raise click.UsageError("--engine dask goes with one of --scheduler and --workers.")
    source = click.get_current_context().get_parameter_source
    typed = [
        name for name in ("scheduler", "workers") if source(name) is ParameterSource.COMMANDLINE
    ]
    if engine == PROCESS and typed:
        raise click.UsageError(f"--{typed[0]} goes with --engine dask.")
