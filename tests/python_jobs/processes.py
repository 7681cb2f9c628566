"""A process for each command, begun with the libraries loaded: a fork of one that has loaded them.

To import MLflow, scikit-learn and dbt takes longer than most commands, and is the same each time.
:mod:`multiprocessing` has a server for it, which imports and does nothing else; of python_jobs it
loads nothing. Whatever a command leaves open or changes ends with its process.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

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
    module, function = MAINS[program].split(":")
    main: Callable[[], None] = getattr(import_module(module), function)
    try:
        main()
    finally:
        # A fork leaves without them.
        atexit._run_exitfuncs()


def tell_dask() -> None:
    """Have Dask read the environment, as it did when it was loaded, which may be long ago."""
    if "dask" in sys.modules:
        import dask

        dask.config.refresh()
