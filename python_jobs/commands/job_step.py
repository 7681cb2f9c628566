"""A command of python_jobs as a step of longer work; it loads while the step before it runs."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from python_jobs.dbt.kept import KeptDbt
from python_jobs.dbt.question import KNOWN, ON_STDIN


class Jobs:
    """Processes of commands, one after the other; the end of the block ends one that still waits.

    One that runs has its time after an interrupt: it takes back what is half done, and says what is
    live. A second interrupt cuts that short.

    Parameters
    ----------
    kept
        dbt, whose answer they are given.
    """

    def __init__(self, kept: KeptDbt) -> None:
        self._kept = kept
        self._process: subprocess.Popen[str] | None = None
        self._runs = False

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        process = self._process
        if process is None:
            return
        try:
            if self._runs and kind and issubclass(kind, KeyboardInterrupt):
                # Where a terminal's Ctrl-C has reached it too, this changes nothing.
                process.terminate()
                process.wait()
        finally:
            process.kill()
            process.wait()

    def load(self, words: Sequence[str]) -> subprocess.Popen[str]:
        """Begin the command that is to run next: it loads its modules, and waits for its turn.

        It touches neither ClickHouse nor MLflow nor the screen before.
        """
        # From this very environment, activated or not.
        program = str(Path(sysconfig.get_path("scripts")) / words[0])
        self._process = subprocess.Popen(
            [program, *words[1:]],
            env={**self._kept.environment, KNOWN: ON_STDIN},
            stdin=subprocess.PIPE,
            text=True,
        )
        return self._process

    def run(self, words: Sequence[str]) -> int:
        """Run a command, that which was loaded if any was, and return its exit code."""
        process = self._process or self.load(words)
        self._runs = True
        process.communicate(self._kept.answer())
        self._process, self._runs = None, False
        return process.returncode
