"""One process beside Dask's workers on this machine: the same training, wall, CPU and memory.

    python -m benchmarks.scale [SIZE] [--workers N] [--max-iter N] [--only-workers]

On the ClickHouse server of ``CLICKHOUSE_HOST``, ``_PORT``, ``_USER`` and
``DBT_ENV_SECRET_CLICKHOUSE_PASSWORD``, whose user may do everything and which has none of the four
databases; they stay there. Prints the table of docs/scale.md. On one machine nothing can be won:
what shows is what it costs, and that a worker holds its share. A size that one process cannot hold
is for ``--only-workers``, and one that takes too long for fewer iterations.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import clickhouse_connect

from benchmarks.generate import SIZES, generate
from benchmarks.run import machine
from benchmarks.scratch import REPOSITORY, Cost, Scratch, phases_of
from python_jobs.progress import MEBIBYTE

NAMES = (
    *("CLICKHOUSE_HOST", "CLICKHOUSE_PORT", "CLICKHOUSE_USER"),
    "DBT_ENV_SECRET_CLICKHOUSE_PASSWORD",
)
DIRECTORY = REPOSITORY / "target/bench/scale"
PHASES = ("read", "fit", "metrics", "log", "score", "publish")


def main() -> None:
    """Make the data, train in both ways, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("size", nargs="?", choices=SIZES, default="20m")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--max-iter", type=int, default=200)
    parser.add_argument("--only-workers", action="store_true", help="Leave out one process.")
    options = parser.parse_args()
    train = ("train", "--no-evaluate", "--max-iter", str(options.max_iter))
    variables = {name: os.environ[name] for name in NAMES if name in os.environ}
    scratch = Scratch.make(DIRECTORY, {**variables, "DATAFLIX_TARGET": "server"})
    make_mart(scratch, options.size, variables)
    rows, phases, metrics = {}, {}, {}
    ways: dict[str, Callable[[], list[Cost]]] = {
        "one process": lambda: [scratch.run("python_jobs", *train)],
        f"driver and {options.workers} workers": lambda: with_workers(
            scratch, train, options.workers
        ),
    }
    if options.only_workers:
        del ways["one process"]
    for name, way in ways.items():
        say(name)
        rows[name] = way()
        metrics[name] = scratch.training_metrics()
        phases[name] = phases_of(metrics[name])
    found = {"machine": machine(), "size": options.size, "costs": rows, "metrics": metrics}
    (DIRECTORY / "results.json").write_text(json.dumps(found, indent=1))
    size = SIZES[options.size]
    done = ", ".join(f"{each['iterations']:.0f}" for each in metrics.values())
    print(f"About {size.interactions:,} interactions, {size.users:,} users, {done} iterations")
    print(table(rows, phases))


def make_mart(scratch: Scratch, size: str, variables: dict[str, str]) -> None:
    """Make the raw tables on a server that has none, and build the mart."""
    client = clickhouse_connect.get_client(
        host=variables["CLICKHOUSE_HOST"],
        port=int(variables.get("CLICKHOUSE_PORT", "8123")),
        username=variables.get("CLICKHOUSE_USER", "default"),
        password=variables.get("DBT_ENV_SECRET_CLICKHOUSE_PASSWORD", ""),
        send_receive_timeout=3_600,
    )
    if client.query("select 1 from system.databases where name = 'raw'").result_rows:
        sys.exit("The server has a database called raw already: the benchmark wants it empty.")
    say(f"generating {SIZES[size].interactions:,} interactions")
    generate(SIZES[size], client, say)
    client.close()
    say("dbt run --selector before_training")
    scratch.run("dbt", "run", "--selector", "before_training")


def with_workers(scratch: Scratch, train: Sequence[str], count: int) -> list[Cost]:
    """Train on workers; return what the driver and each worker took."""
    file = scratch.directory / "scheduler.json"
    file.unlink(missing_ok=True)
    common = ("--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard")
    # The cores are shared out, as one process has all of them.
    cores = str(max(1, (os.cpu_count() or 1) // count))
    scheduler = _begin(scratch, "scheduler", "--port", "0", *common)
    while not file.exists():
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    only = ("--no-nanny", "--nthreads", "1", "--memory-limit", "0")
    workers = [
        _begin(scratch, "worker", *common, *only, NUMBA_NUM_THREADS=cores) for _ in range(count)
    ]
    _wait_for(address, count)
    driver = scratch.run("python_jobs", *train, "--engine", "dask", "--scheduler", address)
    costs = [driver, *map(_ended, workers)]
    _ended(scheduler)
    return costs


def _begin(scratch: Scratch, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
    dask = Path(sysconfig.get_path("scripts")) / "dask"
    return subprocess.Popen(
        [sys.executable, str(dask), *arguments],
        cwd=scratch.directory,
        env={**scratch.environment(), **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )


def _wait_for(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(workers)


def _ended(process: subprocess.Popen[bytes]) -> Cost:
    """End a process, and return what the kernel says it took."""
    process.terminate()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    cpu = usage.ru_utime + usage.ru_stime
    return {"cpu_seconds": cpu, "peak_rss_mib": usage.ru_maxrss * unit / MEBIBYTE}


def table(rows: dict[str, list[Cost]], phases: dict[str, dict[str, Any]]) -> str:
    """Return what was measured as a table of Markdown."""
    shown = [phase for phase in PHASES if any(phase in found for found in phases.values())]
    head = ["", "wall", "CPU", "peak memory of each process", *shown]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for name, costs in rows.items():
        memory = ", ".join(f"{cost['peak_rss_mib']:,.0f} MiB" for cost in costs)
        wall, cpu = costs[0]["wall_seconds"], sum(cost["cpu_seconds"] for cost in costs)
        of_phases = [
            f"{phases[name][phase]['wall_seconds']:.1f} s" if phase in phases[name] else ""
            for phase in shown
        ]
        cells = [name, f"{wall:.1f} s", f"{cpu:.1f} s", memory, *of_phases]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def say(text: str) -> None:
    """Say on stderr what comes next, and when."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
