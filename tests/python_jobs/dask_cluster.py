"""A scheduler and workers of the tests' own, each a process as ``dask`` begins it."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.python_jobs.conftest import REPOSITORY, SCRIPTS


@dataclass
class DaskCluster:
    """Workers that die where a file in the directory says so: dying_worker.py."""

    directory: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        import json

        return str(json.loads((self.directory / "scheduler.json").read_text())["address"])

    @property
    def scheduler(self) -> subprocess.Popen[bytes]:
        """The scheduler's process."""
        return self.processes[0]

    def start(self, workers: int) -> None:
        """Start, and return when all workers are there; each has a nanny that begins it anew."""
        self.directory.mkdir(exist_ok=True)
        file = ["--scheduler-file", str(self.directory / "scheduler.json")]
        ours = ["--host", "127.0.0.1", "--no-dashboard"]
        self._begin("scheduler", "--port", "0", *ours, *file)
        while not (self.directory / "scheduler.json").exists():
            assert self.scheduler.poll() is None
            time.sleep(0.05)
        preload = ["--preload", "tests.python_jobs.dying_worker"]
        for _ in range(workers):
            self._begin("worker", *file, *ours, "--nthreads", "1", *preload)
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)

    def trap(self, place: str, told: str) -> Path:
        """Have a process killed at a place; return the file that is there when it was."""
        file = self.directory / f"python_jobs.distributed.{place}"
        file.write_text(told)
        return file.with_suffix(".sprung")

    def stop(self) -> None:
        """End everything that was started."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def _begin(self, *arguments: str) -> None:
        self.processes.append(
            subprocess.Popen(
                [str(SCRIPTS / "dask"), *arguments],
                cwd=self.directory,
                env={
                    **self.environment,
                    "PYTHONPATH": str(REPOSITORY),
                    "DIES_IN": str(self.directory),
                    "NUMBA_NUM_THREADS": "1",
                    "PATH": os.environ["PATH"],
                },
                stdout=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
            )
        )
