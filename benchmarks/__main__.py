"""How long the pipeline takes and how much memory, beside the usual recipe and implicit.

    make bench                            1 M and 20 M interactions, and docs/benchmarks.md
    make bench SIZES="1m 20m 100m"        these sizes
    python -m benchmarks --render         the page from the last results, nothing measured

Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.generate import SIZES, WARM_UP
from benchmarks.page import render
from benchmarks.run import machine, measure_size, measure_startup
from benchmarks.scratch import REPOSITORY, USERS

PAGE = REPOSITORY / "docs/benchmarks.md"
RESULTS = REPOSITORY / "target/bench/results.json"
"""Written after every size, so that a run that is cut short leaves what it measured."""


def main() -> None:
    """Measure, and render the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sizes", nargs="*", metavar="SIZE", help=f"Some of {', '.join(SIZES)}.")
    parser.add_argument("--render", action="store_true", help="Measure nothing; render again.")
    options = parser.parse_args()
    if unknown := [name for name in options.sizes if name not in SIZES]:
        parser.error(f"unknown size: {', '.join(unknown)}")
    if not options.render:
        if not (USERS / "python_jobs").exists():
            sys.exit(f"There is no {USERS}: run make bench, which makes it.")
        measure(options.sizes or ["1m", "20m"], RESULTS)
    if not RESULTS.exists():
        sys.exit("There are no results to render yet: run make bench.")
    PAGE.write_text(render(json.loads(RESULTS.read_text())))


def measure(names: list[str], file: Path) -> None:
    """Measure the sizes one after the other, and write down the results after each."""
    shutil.rmtree(file.parent, ignore_errors=True)
    file.parent.mkdir(parents=True)
    say("warming up: kernels compiled, libraries in the disk's cache")
    measure_size(SIZES[WARM_UP], file.parent / "warm-up", say)
    say("start-up, on the sample")
    results: dict[str, Any] = {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "machine": machine(),
        "startup": measure_startup(file.parent / "sample"),
        "sizes": {},
    }
    for name in names:
        results["sizes"][name] = measure_size(SIZES[name], file.parent / name, say)
        file.write_text(json.dumps(results, indent=1))


def say(text: str) -> None:
    """Say on stderr what comes next, and when."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
