"""The options that say what does the work of a training: this process, or Dask's workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from python_jobs.commands.options import Command, NumberRange, setting
from python_jobs.errors import UserError

if TYPE_CHECKING:
    from python_jobs.commands.session import TrackedSession
    from python_jobs.distributed.checkpoints import State
    from python_jobs.jobs.engine import Engine

PROCESS, DASK = "process", "dask"


@dataclass(frozen=True)
class WantedEngine:
    """What a training is to be done by."""

    name: str
    scheduler: str | None
    workers: int | None
    resume: str | None
    """The run that is gone on with."""
    minutes: float
    """Between two checkpoints."""

    def state(self, job: TrackedSession) -> State | None:
        """Return what the run was that is gone on with; None where that is none.

        Raises
        ------
        UserError
            If it is none that can be gone on with.
        """
        if not self.resume:
            return None
        from python_jobs.distributed.checkpoints import state_of
        from python_jobs.tracking.kept_files import KeptFiles, require_unfinished

        require_unfinished(job.tracking, self.resume)
        return state_of(KeptFiles(job.tracking, self.resume))

    @contextmanager
    def begun(self, job: TrackedSession, resumed: State | None) -> Iterator[Engine | None]:
        """Reach Dask's workers for the length of a ``with`` block; None where it is this process.

        Raises
        ------
        UserError
            If the database is embedded, or the workers cannot be reached or used.
        """
        if self.name == PROCESS:
            yield None
            return
        from python_jobs.distributed.connecting import connected
        from python_jobs.distributed.engine import DaskEngine
        from python_jobs.distributed.refusals import require_server

        require_server(job.warehouse.embedded)
        with connected(self.scheduler, self.workers) as workers:
            click.echo(
                f"{len(workers.places)} workers of {workers.address}; Dask's page on their work: "
                f"{workers.dashboard or 'none'}",
                err=True,
            )
            engine = DaskEngine(job.warehouse, workers, job.tracking, self.minutes * 60, resumed)
            try:
                yield engine
            except UserError as error:
                if engine.kept:
                    error.hint += f" `--resume {engine.kept}` goes on from where it was last kept."
                raise


def engine_options(command: Command) -> Command:
    """Add ``--engine`` and the options that go with it as one ``engine`` argument."""

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
    @setting(
        "--resume",
        "Of --engine dask: go on with the run that died, from its last checkpoint.",
        metavar="RUN_ID",
    )
    @setting(
        "--checkpoint-minutes",
        "Of --engine dask: minutes between two checkpoints.",
        type=NumberRange(0),
        default=5.0,
    )
    @wraps(command)
    def wrapped(
        *args: Any,
        engine: str,
        scheduler: str | None,
        workers: int | None,
        resume: str | None,
        checkpoint_minutes: float,
        **kwargs: Any,
    ) -> Any:
        _check(engine, scheduler, workers)
        wanted = WantedEngine(engine, scheduler, workers, resume, checkpoint_minutes)
        return command(*args, engine=wanted, **kwargs)

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
    ours = ("scheduler", "workers", "resume", "checkpoint_minutes")
    typed = [name for name in ours if source(name) is ParameterSource.COMMANDLINE]
    if engine == PROCESS and typed:
        raise click.UsageError(f"--{typed[0].replace('_', '-')} goes with --engine dask.")
