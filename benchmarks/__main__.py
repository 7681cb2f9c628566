"""How long the pipeline takes and how much memory, beside the usual recipe and implicit.

    python -m benchmarks             1 M and 20 M interactions, about three minutes
    python -m benchmarks --full      and 100 M
    python -m benchmarks --render    docs/benchmarks.md from the last results, nothing measured

Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.limits import Rates
from benchmarks.machine import machine
from benchmarks.run_size import run_size, say
from benchmarks.scratch import REPOSITORY, Scratch
from benchmarks.sizes import SIZES, WARM_UP
from benchmarks.startup import measure_startup

RESULTS = REPOSITORY / "target/bench/results.json"
"""Written after every size, so that a run that is cut short leaves what it measured."""
PEERS = ("implicit", "matplotlib")


def main() -> None:
    """Measure, and render the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--full", action="store_true", help="Measure 100 M interactions as well.")
    what.add_argument("--render", action="store_true", help="Measure nothing; render again.")
    options = parser.parse_args()
    missing = [name for name in PEERS if find_spec(name) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} must be installed: pip install -e '.[bench]'")
    if not options.render:
        measure([name for name in SIZES if name != "100m" or options.full], RESULTS)
    if not RESULTS.exists():
        sys.exit("There are no results to render yet: run python -m benchmarks.")
    from benchmarks.page import render

    render(json.loads(RESULTS.read_text()), REPOSITORY / "docs")


def measure(names: list[str], results_file: Path) -> None:
    """Measure the sizes one after the other, and write down the results after each."""
    directory = results_file.parent
    directory.mkdir(parents=True, exist_ok=True)
    say("what the machine can do")
    scratch, rates_file = Scratch.make(directory / "rates"), directory / "rates.json"
    # Not here: a process passes its peak memory on to those that it starts.
    scratch.run_module("limits", str(rates_file))
    rates = json.loads(rates_file.read_text())
    results: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        "rates": rates,
        "sizes": {},
    }
    warm_up = run_size(WARM_UP, directory / WARM_UP.name, Rates(**rates))
    say("start-up, on the sample")
    results["startup"] = measure_startup(directory / "sample")
    for name in names:
        result = run_size(SIZES[name], directory / name, Rates(**rates))
        # What `train` holds when it has read next to nothing.
        result["libraries_mib"] = warm_up["phases"]["read"]["peak_rss_mib"]
        results["sizes"][name] = result
        results_file.write_text(json.dumps(results, indent=1))
    say("done")


if __name__ == "__main__":
    main()
