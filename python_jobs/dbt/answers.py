"""What dbt says of a project, and then its commands on it, all of which it reads once for.

    python -m python_jobs.dbt.answers --target server

In a process of its own, so that dbt's thousand modules load while the asking process loads others,
and leave its memory when they have answered. Lines of JSON go both ways. The first that matters is
``{"answer": {…}}``; it may hold a password, and goes through a pipe and nowhere else. Each line on
stdin is a command of dbt, ``["build", …]``; what dbt has to say is ``{"event": {…}}``, and the end
of a command ``{"exit_code": 0}``. Where stdin ends, so does the process.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TextIO

from python_jobs.dbt.artifacts import write_artifacts
from python_jobs.dbt.project import Credentials
from python_jobs.errors import INTERRUPTED
from python_jobs.garbage import collect_rarely

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

    Tell = Callable[[dict[str, Any]], None]

QUIET = ("--log-level", "none")
"""What dbt has to say goes through events, and nothing to the terminal."""
UNLOGGED = ("--log-level-file", "none", "--no-send-anonymous-usage-stats")


def read(arguments: list[str], tell: Tell) -> Manifest | None:
    """Parse the project as ``dbt parse`` does (from its cache where nothing changed), and tell it.

    Parameters
    ----------
    arguments
        dbt's own options.
    tell
        Gets the answer: ``error``, or the fields of :class:`python_jobs.dbt.project.DbtProject`.

    Returns
    -------
    Manifest or None
        What dbt knows of the project; None where it cannot be read.
    """
    from dbt.cli.main import dbtRunner

    command = ["parse", "--no-write-json", *QUIET, *UNLOGGED, *arguments]
    result = dbtRunner(callbacks=[events(tell)]).invoke(command)
    if not result.success:
        tell({"answer": {"error": str(result.exception)}})
        return None
    tell({"answer": answer(result.result)})
    return result.result


def answer(manifest: Manifest) -> dict[str, Any]:
    """Return what :class:`python_jobs.dbt.project.DbtProject` holds, of the project just read."""
    from dbt.config.runtime import load_profile
    from dbt.flags import get_flags

    flags = get_flags()
    profile = load_profile(flags.PROJECT_DIR, flags.VARS, flags.PROFILE, flags.TARGET)
    said = profile.credentials
    return {
        "directory": str(Path(flags.PROJECT_DIR).resolve()),
        "target": profile.target_name,
        "credentials": {
            field.name: getattr(said, field.name)
            for field in fields(Credentials)
            if hasattr(said, field.name)
        },
        "models": models(manifest),
        "sources": sources(manifest),
        "failures": failures(manifest),
    }


def models(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Return schema and identifier of each enabled model, in its latest version, by name."""
    nodes = [
        node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.version == node.latest_version
    ]
    return {node.name: (node.schema, node.identifier) for node in nodes}


def sources(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Return the schema and the identifier of each enabled source table, by ``source.table``."""
    nodes = manifest.sources.values()
    return {f"{node.source_name}.{node.name}": (node.schema, node.identifier) for node in nodes}


def failures(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Return where each data test keeps the rows that fail it, of those that do, by its name."""
    nodes = [node for node in manifest.nodes.values() if node.resource_type == "test"]
    return {
        node.name: (node.schema, node.identifier) for node in nodes if node.config.store_failures
    }


def events(tell: Tell) -> Callable[[EventMsg], None]:
    """Return a callback that tells of dbt's events what :mod:`python_jobs.commands.dbt_step` shows.

    That is what is worth a line, debugging aside, and how far dbt is.
    """

    def told(event: EventMsg) -> None:
        if event.info.level == "debug":
            return
        total = int(getattr(event.data, "total", 0) or 0)
        about = {"level": event.info.level, "name": event.info.name, "msg": event.info.msg}
        tell({"event": {**about, "total": total}})

    return told


def obey(manifest: Manifest, arguments: list[str], tell: Tell) -> dbtRunnerResult:
    """Run a command of dbt on the project as it was read, without its files in ``target/``.

    Parameters
    ----------
    manifest
        What dbt knows of the project.
    arguments
        The command, such as ``["build", "--selector", "before_training"]``.
    tell
        Gets dbt's events.
    """
    from dbt.cli.main import dbtRunner

    # The terminal's level would be the file's too.
    logged = ("--log-level-file", os.environ.get("DBT_LOG_LEVEL_FILE", "debug"))
    command = [*QUIET, *logged, "--no-write-json", *arguments]
    return dbtRunner(manifest, callbacks=[events(tell)]).invoke(command)


def exit_code(result: dbtRunnerResult) -> int:
    """Return what would be dbt's exit code."""
    if result.success:
        return 0
    # An exception, of which dbt has told by an event, or nodes that failed.
    return 2 if result.exception else 1


def obey_all(manifest: Manifest, lines: Iterable[str], tell: Tell) -> None:
    """Run a command for each line, and tell how each ended.

    dbt takes as long to write its files as to build several models: they are written where a
    command failed, and at the end, and not after each command that another one follows.
    """
    unwritten: RunExecutionResult | None = None
    for line in lines:
        result = obey(manifest, json.loads(line), tell)
        if not result.exception:
            unwritten = result.result
        if unwritten and not result.success:
            write_artifacts(manifest, unwritten)
            unwritten = None
        tell({"exit_code": exit_code(result)})
    if unwritten:
        write_artifacts(manifest, unwritten)


def teller(lines: TextIO) -> Tell:
    """Return what writes lines of JSON, each whole: dbt's threads have their events at once.

    Where nobody reads them any more, the process ends, and lets go of an embedded database.
    """
    lock = Lock()

    def tell(line: dict[str, Any]) -> None:
        with lock:
            try:
                print(json.dumps(line), file=lines, flush=True)
            except BrokenPipeError:
                # Not by an error: dbt waits for ever for a thread of its that one has ended.
                os._exit(INTERRUPTED)

    return tell


def cut_short(*_: object) -> None:
    """Interrupt dbt, and have nothing on the screen of it: whoever interrupts tells of it.

    Where dbt has not come to its nodes yet, it takes an interrupt for an error of its own, and
    prints a traceback.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    raise KeyboardInterrupt


def main() -> None:
    """Read the project, and obey until stdin ends."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, cut_short)
    tell = teller(sys.stdout)
    # What dbt or a plugin prints must not get between the lines.
    with redirect_stdout(sys.stderr):
        # Nothing but modules and the project is made in its first second.
        gc.disable()
        manifest = read(sys.argv[1:], tell)
        gc.freeze()
        collect_rarely()
        gc.enable()
        if manifest:
            obey_all(manifest, sys.stdin, tell)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        # What is left is the system's to take back.
        gc.freeze()
