"""Runs several python_jobs commands in one process, which pays for its imports once.

Reads a JSON list of [arguments, variables] and prints a JSON list of [exit code, stdout, stderr].
The arguments ["sql", STATEMENT] run a statement in the embedded database of the working directory.
The variable KILLS, as "PID TEXT", kills a process as the first statement with a text is to be sent.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.httpclient import HttpClient

from python_jobs.__main__ import main as python_jobs

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
    stdout, stderr = io.StringIO(), io.StringIO()
    if arguments[0] == "sql":
        client = clickhouse_connect.get_client(interface="chdb", path=str(Path.cwd() / ".chdb"))
        client.command(arguments[1])
        client.close()
        return 0, "", ""
    sys.argv = ["python_jobs", *arguments]
    code = 0
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            python_jobs()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    os.environ.clear()
    os.environ.update(before)
    return code, stdout.getvalue(), stderr.getvalue()


def main() -> None:
    HttpClient.command = command_or_kill  # type: ignore[method-assign]
    commands = json.loads(sys.stdin.read())
    print(json.dumps([outcome(arguments, variables) for arguments, variables in commands]))


if __name__ == "__main__":
    main()
