"""dbt, kept for several commands: it reads the project once for all of them."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from python_jobs.dbt.project import DbtOptions, DbtProject
from python_jobs.dbt.question import ASKED, parsed
from python_jobs.errors import InterruptedWithNewsError, Terminated, UserError

SECONDS_TO_END = 5
"""What dbt has to end after an interrupt."""

DIED = {"error": "its process ended without a word"}
"""What stands for the answer of a process that gave none."""

Event = dict[str, Any]
"""``level``, ``name`` and ``msg`` of what dbt has to say, and the ``total`` of what it is at."""


class KeptDbt:
    """dbt in a process of its own, which is begun by its first command and ended with the block.

    Parameters
    ----------
    options
        dbt's options; they choose the project, the profile and the target.
    environment
        The process's environment.
    """

    def __init__(self, options: DbtOptions, environment: Mapping[str, str]) -> None:
        self.options = options
        self.environment = environment
        self._process: subprocess.Popen[str] | None = None
        self._said: dict[str, Any] = {}

    def __enter__(self) -> KeptDbt:
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        if self._process is None:
            return
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        # Told in words or not, an interrupt may have come in the middle of a command.
        cause = error.__cause__ if isinstance(error, InterruptedWithNewsError) else error
        if cause is None or isinstance(cause, UserError):
            # It is at nothing but its files, which may be large.
            self._process.wait()
            return
        if isinstance(cause, Terminated):
            self._process.send_signal(signal.SIGINT)
        # A terminal's Ctrl-C has reached dbt too, and it is ending its statements.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        self._process.kill()

    def run(self, arguments: Sequence[str], on_event: Callable[[Event], None]) -> int:
        """Run a command of dbt, and return its exit code; that of a process that died is negative.

        Parameters
        ----------
        arguments
            The command, such as ``["build", "--selector", "before_training"]``, with dbt's options.
        on_event
            Called with each thing that dbt has to say.

        Raises
        ------
        UserError
            If dbt cannot read the project.
        """
        process = self._begun(on_event)
        # Where it has died, it will not say how the command ended.
        with suppress(BrokenPipeError):
            print(json.dumps([*arguments]), file=process.stdin, flush=True)
        said = self._until("exit_code", on_event)
        return int(said["exit_code"]) if said else process.wait()

    def answer(self) -> str:
        """Return what dbt says of the project, for a :class:`Question` of another process.

        Raises
        ------
        UserError
            If dbt cannot read the project.
        """
        self._begun(lambda _: None)
        return json.dumps(self._said)

    def project(self) -> DbtProject:
        """Return the same as the question would be answered.

        Raises
        ------
        UserError
            If dbt cannot read the project.
        """
        self._begun(lambda _: None)
        return parsed(self._said, self.options)

    def _begun(self, on_event: Callable[[Event], None]) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [*ASKED, *self.options.arguments()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=self.environment,
            )
            # That it cannot be read is in the answer.
            warned = partial(_unless_error, on_event)
            self._said = self._until("answer", warned).get("answer", DIED)
            parsed(self._said, self.options)
        return self._process

    def _until(self, wanted: str, on_event: Callable[[Event], None]) -> dict[str, Any]:
        """Read on until a line has what is wanted, and return it; an empty one where it ends."""
        for line in (self._process and self._process.stdout) or ():
            said: dict[str, Any] = json.loads(line)
            if wanted in said:
                return said
            on_event(said["event"])
        return {}


def _unless_error(on_event: Callable[[Event], None], event: Event) -> None:
    if event["level"] != "error":
        on_event(event)
