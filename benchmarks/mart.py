"""What a night of the training mart costs beside a build from all events, with the same rows.

    python -m benchmarks.mart                 20 M interactions
    python -m benchmarks.mart 20m 100m        these sizes

Prints the table of docs/your_data.md. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.__main__ import say
from benchmarks.generate import LOADED_AT, SIZES
from benchmarks.scratch import MART, REPOSITORY, Scratch

DIRECTORY = REPOSITORY / "target/bench/mart"
NIGHTS = {
    "1 % new pairs": ("day",),
    "1 % rated again": ("again", "1"),
    "10 % rated again": ("again", "10"),
}
"""What comes before each night, as ``benchmarks.generate`` makes it."""
FINGERPRINT = f"""
import json, clickhouse_connect
client = clickhouse_connect.get_client(interface="chdb", path=".chdb")
sql = "select count(), toString(sum(cityHash64(tuple(*)))) from {MART}"
json.dump(client.query(sql).result_rows[0], open("result.json", "w"))
"""


def main() -> None:
    """Measure the sizes one after the other, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sizes", nargs="*", choices=SIZES, default=["20m"])
    options = parser.parse_args()
    print("| events | from all | " + " | ".join(NIGHTS) + " | from all, after these |")
    print("|---:|" + "---:|" * (len(NIGHTS) + 2))
    for name in options.sizes:
        cells = [f"{seconds:.1f} s" for seconds in measured(name)]
        print(" | ".join([f"| {name.upper()}", *cells]) + " |", flush=True)


def measured(size: str) -> list[float]:
    """Return the mart's seconds: from all events, each night, and from all events once more.

    Raises
    ------
    SystemExit
        If the nights left other rows than the build from all events at the end.
    """
    scratch = Scratch.make(DIRECTORY)
    scratch.name_load_time(LOADED_AT)
    say(f"{size}: generating {SIZES[size].interactions:,} interactions")
    scratch.python("-m", "benchmarks.generate", size)
    say(f"{size}: from all events")
    found = [scratch.built(MART, "dbt", "run", "--select", "+mart_user_movie_matrix")[1]]
    for night, arguments in NIGHTS.items():
        scratch.python("-m", "benchmarks.generate", size, *arguments)
        say(f"{size}: {night}")
        found.append(scratch.built(MART, *RUN)[1])
    nightly = fingerprint(scratch)
    say(f"{size}: from all events, after {nightly[0]:,} rows")
    found.append(scratch.built(MART, *RUN, "--full-refresh")[1])
    if fingerprint(scratch) != nightly:
        sys.exit("The nights left other rows than a build from all events.")
    return found


RUN = ("dbt", "run", "--select", "mart_user_movie_matrix")


def fingerprint(scratch: Scratch) -> tuple[int, str]:
    """Return the number of the mart's rows, and a hash of them in any order."""
    scratch.python("-c", FINGERPRINT)
    count, rows = json.loads((scratch.directory / "result.json").read_text())
    return int(count), str(rows)


if __name__ == "__main__":
    main()
