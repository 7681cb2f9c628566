"""A process for each command, begun with the libraries loaded: a fork of one that has loaded them.

To import MLflow, scikit-learn and dbt takes longer than most commands, and is the same each time.
:mod:`multiprocessing` has a server for it, which imports and does nothing else; of python_jobs it
loads nothing. Whatever a command leaves open or changes ends with its process.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, ClassVar

LIBRARIES = [
    "clickhouse_connect",
    "dask.__main__",
    "dbt.adapters.clickhouse",
    "dbt.cli.main",
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
    "numba",
    "skops.io",
]
"""chdb is not among them: its library starts threads as it is loaded, and a fork has them not."""
MAINS = {
    "dask": "dask.__main__:main",
    "dbt": "dbt.cli.main:cli",
    "python_jobs": "python_jobs.__main__:main",
    "many_commands": "tests.python_jobs.many_commands:main",
}
"""What each program calls first, by its name."""
STREAMS = ("stdin", "stdout", "stderr")
SECONDS = 600
"""After which a command is taken to hang, and killed; a test that needs so long is no test."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(LIBRARIES)


def run_main(
    program: str,
    arguments: tuple[str, ...],
    directory: Path,
    environment: dict[str, str],
    given: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a program as a process of its own.

    Parameters
    ----------
    program
        One of ``MAINS``.
    arguments
        Its command line.
    directory
        Where it runs.
    environment
        All of its variables.
    given
        What stands on its stdin.
    """
    with TemporaryDirectory() as there:
        files = [Path(there) / name for name in STREAMS]
        files[0].write_text(given, encoding="utf-8")
        for path in files[1:]:
            path.touch()
        process = _context.Process(
            target=_become, args=(program, arguments, directory, environment, files)
        )
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        stdout, stderr = (path.read_text(encoding="utf-8", errors="replace") for path in files[1:])
    assert process.exitcode is not None
    return subprocess.CompletedProcess([program, *arguments], process.exitcode, stdout, stderr)


def begin_main(
    program: str, arguments: tuple[str, ...], directory: Path, environment: dict[str, str]
) -> BaseProcess:
    """Begin a program that goes on until it is killed, and says nothing."""
    nowhere = [Path(os.devnull)] * len(STREAMS)
    process = _context.Process(
        target=_become, args=(program, arguments, directory, environment, nowhere)
    )
    process.start()
    return process


def _become(
    program: str,
    arguments: tuple[str, ...],
    directory: Path,
    environment: dict[str, str],
    files: list[Path],
) -> None:
    """Be the program, in the process that was forked."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for number, (name, path) in enumerate(zip(STREAMS, files, strict=True)):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
        stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = [program, *arguments]
    tell_dask()
    if program == "python_jobs":
        fork_what_it_begins()
    try:
        _main_of(program)()
    finally:
        # A fork leaves without them.
        atexit._run_exitfuncs()


def _main_of(program: str) -> Callable[[], None]:
    module, function = MAINS[program].split(":")
    main: Callable[[], None] = getattr(import_module(module), function)
    return main


def fork_what_it_begins() -> None:
    """Have this process of python_jobs fork the processes that it begins itself.

    Those are dbt and, of a pipeline, its jobs. They mostly begin before it has loaded chdb, which a
    fork would lack the threads of.
    """
    from python_jobs.commands import job_step
    from python_jobs.dbt import kept, question

    names = ("PIPE", "DEVNULL", "TimeoutExpired")
    forking = SimpleNamespace(Popen=Forked, **{name: getattr(subprocess, name) for name in names})
    for module in (job_step, kept, question):
        module.subprocess = forking  # type: ignore[attr-defined]


class Forked(subprocess.Popen[str]):
    """A process of this project's, as :class:`subprocess.Popen` has it, made by a fork."""

    begun: ClassVar[list[Forked]] = []
    """All of this process. A fork has the pipes to them too, and must not keep them open."""

    def _execute_child(self, args: list[str], *told: Any) -> None:
        if "chdb" in sys.modules:
            # `rollback` has had the database open before dbt begins.
            super()._execute_child(args, *told)  # type: ignore[misc]
            return
        # As CPython hands them over: the environment, and both ends of each stream's pipe.
        environment, pipes = told[5], told[9:15]
        ours, theirs = (pipes[1], pipes[2], pipes[4]), (pipes[0], pipes[3], pipes[5])
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.pid = os.fork()
        if self.pid:
            self._child_created = True
            for end in {*theirs} - {-1, getattr(self, "_devnull", -1)}:
                os.close(end)
            self.begun.append(self)
            return
        code = 1
        try:
            for end in {*ours} - {-1}:
                os.close(end)
            for other in self.begun:
                for pipe in (other.stdin, other.stdout, other.stderr):
                    if pipe:
                        pipe.close()
            for number, end in enumerate(theirs):
                if end != -1:
                    os.dup2(end, number)
            # As Python begins.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            code = _run_as(args, environment)
        finally:
            os._exit(code)


def _run_as(args: list[str], environment: dict[str, str] | None) -> int:
    """Run a command line of this project's in this process, and return its exit code."""
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    for number, name in enumerate(STREAMS):
        stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    module = args[args.index("-m") + 1] if "-m" in args[:4] else ""
    sys.argv = args[args.index(module) :] if module else args
    try:
        if module:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            _main_of(Path(args[0]).name)()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        for written in (sys.stdout, sys.stderr):
            written.flush()
        atexit._run_exitfuncs()
    return 0


def tell_dask() -> None:
    """Have Dask read the environment, as it did when it was loaded, which may be long ago."""
    if "dask" in sys.modules:
        import dask

        dask.config.refresh()
