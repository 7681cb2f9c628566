"""A scheduler and workers of the tests' own, each a process as ``dask`` begins it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.python_jobs.certificates import Certificates
from tests.python_jobs.processes import begin_main


@dataclass
class DaskCluster:
    """Workers that die where a file in the directory says so: dying_worker.py."""

    directory: Path
    environment: dict[str, str]
    processes: list[BaseProcess] = field(default_factory=list)
    certificates: Certificates | None = None
    """What all of them prove who they are with; None for no TLS."""

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(json.loads(self._file.read_text())["address"])

    @property
    def scheduler(self) -> BaseProcess:
        """The scheduler's process."""
        return self.processes[0]

    def start(self, workers: int) -> None:
        """Start, and return when all workers are there."""
        self._begin("scheduler", "--port", "0")
        while not self._file.exists():
            assert self.scheduler.exitcode is None
            time.sleep(0.05)
        for _ in range(workers):
            self.add_worker()
        self.wait_for(workers)

    def add_worker(self, **variables: str) -> BaseProcess:
        """Start one more, which nothing begins anew when it has died."""
        preload = ["--preload", str(Path(__file__).with_name("dying_worker.py"))]
        self._begin("worker", "--no-nanny", "--nthreads", "1", *preload, **variables)
        return self.processes[-1]

    def wait_for(self, workers: int) -> None:
        """Wait until there are so many workers."""
        from distributed import Client

        security = self.certificates.security() if self.certificates else None
        with Client(self.address, security=security, set_as_default=False) as client:
            while len(client.scheduler_info(n_workers=-1)["workers"]) != workers:
                time.sleep(0.1)

    def trap(self, place: str, told: str) -> Path:
        """Have a process killed at a place; return the file that is there when it was."""
        file = self.directory / f"python_jobs.distributed.{place}"
        file.write_text(told)
        return file.with_suffix(".sprung")

    def stop(self) -> None:
        """End everything that was started."""
        for process in self.processes:
            process.kill()
            process.join()

    @property
    def _file(self) -> Path:
        return self.directory / "scheduler.json"

    def _begin(self, what: str, *arguments: str, **variables: str) -> None:
        ours = ("--scheduler-file", str(self._file), "--host", "127.0.0.1", "--no-dashboard")
        environment = {
            **self.environment,
            "DIES_IN": str(self.directory),
            "NUMBA_NUM_THREADS": "1",
            **(self.certificates.variables() if self.certificates else {}),
            **variables,
        }
        process = begin_main("dask", (what, *ours, *arguments), self.directory, environment)
        self.processes.append(process)
