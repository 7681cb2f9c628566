"""Runs several commands of python_jobs in one process, which pays for its imports once.

Reads a JSON list of [arguments, variables] and prints a JSON list of [exit code, stdout, stderr].
Arguments that are no command's:

- ``["dbt", WORD, ...]`` is a command of dbt;
- ``["execute", STATEMENT]`` runs a statement in the embedded database of the working directory;
- ``["query", SELECT]`` prints its rows as JSON;
- ``["store", SELECT]`` those of the MLflow store there;
- ``["read", PATH]`` prints a file, as it is by then;
- ``["interrupt", "MODULE:NAME", COMMAND, ...]`` presses Ctrl-C as a function of python_jobs begins.

The variable KILLS, as "PID TEXT", kills a process as the first statement with a text is to be sent.
Commands ask dbt in the same process, and those with the same options and variables share what it
answered to the first of them: nothing here changes what dbt reads.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.httpclient import HttpClient

from python_jobs.__main__ import main as python_jobs
from python_jobs.dbt.answers import read
from python_jobs.dbt.project import DbtOptions, DbtProject
from python_jobs.dbt.question import Question, parsed
from tests.python_jobs.processes import tell_dask


def ask_dbt_once() -> None:
    """Ask dbt in this process, which has loaded it; what it has answered holds, refusals do not."""
    said: dict[Any, DbtProject] = {}

    def ask(self: Any, options: DbtOptions) -> None:
        options.require_profile()
        options.require_writable()
        self.options = options
        # No profile and no model reads these.
        ours = ("MLFLOW_", "KILLS")
        told = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self.key = (*options.arguments(), json.dumps(told, sort_keys=True))

    def answer(self: Any) -> DbtProject:
        if self.key not in said:
            lines: list[dict[str, Any]] = []
            read(self.options.arguments(), lines.append)
            found = next(line["answer"] for line in lines if "answer" in line)
            said[self.key] = parsed(found, self.options)
        return said[self.key]

    Question.__init__ = ask  # type: ignore[method-assign]
    Question.answer = answer  # type: ignore[method-assign]


@contextmanager
def interrupted_at(place: str) -> Iterator[None]:
    """Press Ctrl-C as a function begins, as the module that calls it knows it."""
    module_name, name = place.split(":")
    module = import_module(f"python_jobs.{module_name}")
    original = getattr(module, name)

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)  # a signal is delivered between two steps of the interpreter
        return original(*args, **kwargs)

    setattr(module, name, interrupted)
    try:
        yield
    finally:
        setattr(module, name, original)


class Embedded:
    """The embedded database, kept open from one statement to the next, but not through commands."""

    client: Any = None

    def open(self) -> Any:
        """Return a client, which is the one that is open where there is one."""
        if self.client is None:
            path = str(Path.cwd() / ".chdb")
            self.client = clickhouse_connect.get_client(interface="chdb", path=path)
        return self.client

    def close(self) -> None:
        """Let a command have the database."""
        if self.client is not None:
            self.client.close()
            self.client = None


EMBEDDED = Embedded()


def run(word: str, *rest: str) -> None:
    """Run a command, or what stands in the place of one."""
    if word == "execute":
        EMBEDDED.open().command(*rest)
        return
    if word == "query":
        print(json.dumps(EMBEDDED.open().query(*rest).result_rows, default=str))
        return
    if word == "store":
        with closing(sqlite3.connect("mlflow.db")) as store:
            print(json.dumps(store.execute(*rest).fetchall()))
        return
    if word == "read":
        print(Path(*rest).read_text(encoding="utf-8"))
        return
    EMBEDDED.close()
    if word == "dbt":
        from dbt.cli.main import dbtRunner

        sys.exit(0 if dbtRunner().invoke([*rest]).success else 1)
    elif word == "interrupt":
        with interrupted_at(rest[0]):
            run(*rest[1:])
    else:
        sys.argv = ["python_jobs", word, *rest]
        python_jobs()


COMMAND = HttpClient.command


def command_or_kill(self, cmd, *args, **kwargs):
    """Send a statement, unless it is the one before which a server is to die."""
    pid, _, text = os.environ.get("KILLS", "").partition(" ")
    if pid and text in cmd:
        del os.environ["KILLS"]
        os.kill(int(pid), signal.SIGKILL)
    return COMMAND(self, cmd, *args, **kwargs)


def outcome(arguments: list[str], variables: dict[str, str]) -> tuple[int, str, str]:
    """Return what one command would have left behind as a process of its own."""
    before = dict(os.environ)
    os.environ.update(variables)
    tell_dask()
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            run(*arguments)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    os.environ.clear()
    os.environ.update(before)
    return code, stdout.getvalue(), stderr.getvalue()


def main() -> None:
    ask_dbt_once()
    HttpClient.command = command_or_kill  # type: ignore[method-assign]
    commands = json.loads(sys.stdin.read())
    print(json.dumps([outcome(arguments, variables) for arguments, variables in commands]))


if __name__ == "__main__":
    main()
