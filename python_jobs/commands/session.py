"""How a command begins: dbt reads the project while the command's own modules load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import click

from python_jobs.dbt.project import DbtOptions
from python_jobs.dbt.question import Question
from python_jobs.progress import Phases, shown_phases
from python_jobs.threads import giving_way

if TYPE_CHECKING:
    from python_jobs.jobs.live import Live
    from python_jobs.tracking.store import Tracking
    from python_jobs.warehouse.connection import Warehouse

MLFLOW = ("python_jobs.tracking.quiet_mlflow", "python_jobs.tracking.store")
"""What reaches it; what quiets it comes first."""
ENGINE, STORE = "chdb", "mlflow.store.tracking.sqlalchemy_store"
"""What a command that waits loads besides: it does not know yet whether its database is the
embedded one, and MLflow's store a file, as they usually are where a pipeline is in a hurry."""


@dataclass(frozen=True)
class Session:
    """What a command works with while it runs."""

    warehouse: Warehouse
    phases: Phases
    """Shown on a terminal from the start on."""


@dataclass(frozen=True)
class MlflowSession(Session):
    """The same, with MLflow."""

    tracking: Tracking


@dataclass(frozen=True)
class TrackedSession(MlflowSession):
    """The same, with what is live."""

    live: Live
    """What is live as the command begins, MLflow's champion in line with it."""


@contextmanager
def session(dbt: DbtOptions, *modules: str, raw_only: bool = False) -> Iterator[Session]:
    """Open the warehouse for the length of a ``with`` block.

    Parameters
    ----------
    dbt
        dbt's options.
    modules
        What to import while dbt reads the project. The two take seconds each, on a core each.
    raw_only
        Whether it fills the raw tables and reads nothing else: an embedded database that does not
        exist yet is made, and what was built or published through another replica is not waited
        for.

    Raises
    ------
    UserError
        As :func:`python_jobs.warehouse.connection.open_warehouse` does.
    """
    with _asked(dbt, modules) as (question, phases), ExitStack() as stack:
        with phases.phase("start"):
            warehouse = _enter(stack, question, modules, raw_only=raw_only)
        yield Session(warehouse, phases)


@contextmanager
def mlflow_session(
    dbt: DbtOptions, experiment: str, model_name: str, *modules: str
) -> Iterator[MlflowSession]:
    """Open the warehouse as :func:`session` does, and reach MLflow.

    Raises
    ------
    UserError
        As :func:`python_jobs.warehouse.connection.open_warehouse` and
        :func:`python_jobs.tracking.open_tracking` do.
    """
    modules = (*modules, *MLFLOW)
    with _asked(dbt, modules) as (question, phases), ExitStack() as stack:
        with phases.phase("start"):
            warehouse, tracking = _enter_mlflow(stack, question, experiment, model_name, modules)
        yield MlflowSession(warehouse, phases, tracking)


@contextmanager
def tracked_session(
    dbt: DbtOptions, experiment: str, model_name: str, *modules: str
) -> Iterator[TrackedSession]:
    """Do the same, look at what is live, and bring MLflow's champion in line with it.

    Raises
    ------
    UserError
        As :func:`mlflow_session` and :func:`python_jobs.jobs.live.find_live` do.
    """
    modules = (*modules, *MLFLOW)
    with _asked(dbt, modules) as (question, phases), ExitStack() as stack:
        with phases.phase("start"):
            warehouse, tracking = _enter_mlflow(stack, question, experiment, model_name, modules)
            from python_jobs.jobs.live import find_live

            live, note = find_live(warehouse, tracking)
        if note:
            click.echo(note, err=True)
        yield TrackedSession(warehouse, phases, tracking, live)


@contextmanager
def _asked(dbt: DbtOptions, modules: tuple[str, ...]) -> Iterator[tuple[Question, Phases]]:
    """Ask dbt, and show phases; where another step runs, load modules in silence, and wait."""
    question = Question(dbt)
    if question.waits:
        # dbt builds meanwhile, and is what the pipeline waits for.
        giving_way(partial(_load, (*modules, STORE)))
        # Not there: it begins threads of its own, and queries are as urgent as ever.
        _load((ENGINE,))
        question.wait()
    with shown_phases() as phases:
        yield question, phases


def _enter_mlflow(
    stack: ExitStack,
    question: Question,
    experiment: str,
    model_name: str,
    modules: tuple[str, ...],
) -> tuple[Warehouse, Tracking]:
    warehouse = _enter(stack, question, modules)
    from python_jobs.tracking.store import explained_mlflow, open_tracking

    tracking = open_tracking(warehouse.project.directory, experiment, model_name)
    stack.enter_context(explained_mlflow(tracking))
    return warehouse, tracking


def _enter(
    stack: ExitStack, question: Question, modules: tuple[str, ...], *, raw_only: bool = False
) -> Warehouse:
    _load(modules)
    from python_jobs.warehouse.connection import caught_up, open_warehouse

    warehouse = stack.enter_context(open_warehouse(question, create=raw_only))
    return warehouse if raw_only else caught_up(warehouse)


def _load(modules: tuple[str, ...]) -> None:
    for module in modules:
        import_module(module)
