"""One size: its data made, the real commands over it, and the peers beside them."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.limits import Rates, least_work
from benchmarks.scratch import Scratch
from benchmarks.sizes import LARGE, USUAL, Size
from python_jobs.commands.steps import DOWNSTREAM

MART = ("run", "--select", "+mart_user_movie_matrix", "+mart_users")
"""What `train` reads: the matrix, and the users for the popular lists of those without any."""
TRAIN = ("train", "--no-evaluate", "--top", "20")
AFTER = ("run", "--select", DOWNSTREAM)
PUBLISHED = ("ml.recommendations", "ml.similar_movies", "ml.movie_factors")


def say(text: str) -> None:
    """Say on stderr what comes next, and when."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def run_size(size: Size, directory: Path, rates: Rates) -> dict[str, Any]:
    """Measure one size, and return the figures as they go into the results file."""
    scratch = Scratch.make(directory)
    say(f"{size.name}: generating {size.interactions:,} interactions")
    commands = {"generate": scratch.run_module("export", "raw", size.name)}
    say(f"{size.name}: dbt {' '.join(MART)}")
    commands["mart"] = scratch.run("dbt", *MART)
    mart_model_seconds = model_seconds(scratch, "mart_user_movie_matrix")
    say(f"{size.name}: python_jobs {' '.join(TRAIN)}")
    commands["train"] = scratch.run("python_jobs", *TRAIN)
    say(f"{size.name}: dbt {' '.join(AFTER)}")
    commands["dbt after"] = scratch.run("dbt", *AFTER)
    metrics, tables = scratch.training_metrics(), table_sizes(scratch)
    cells = tables["analytics.mart_user_movie_matrix"]["rows"]
    lists = tables["ml.recommendations"]["rows"]
    sizes = moved_bytes(tables)
    work = least_work(size.users, size.movies, cells, lists, int(metrics["iterations"]), sizes)
    result: dict[str, Any] = {
        "users": size.users,
        "movies": size.movies,
        "interactions": cells,
        "recommendations": lists,
        "commands": {name: usage.as_dict() for name, usage in commands.items()},
        "mart_model_seconds": mart_model_seconds,
        "phases": {
            # The start is in the command's own row.
            name: cost
            for name, cost in phases_of(metrics).items()
            if name != "start"
        },
        "metrics": {k: v for k, v in metrics.items() if not k.startswith("phase_")},
        "limits": {
            name: {"seconds": least.seconds(rates), "what": least.what}
            for name, least in work.items()
        },
    }
    if size == USUAL:
        say(f"{size.name}: the usual recipe")
        result["usual"] = run_usual(scratch)
    if size in (USUAL, LARGE):
        say(f"{size.name}: implicit and NumPy")
        result["peers"] = run_peers(scratch)
    shutil.rmtree(directory)
    return result


def model_seconds(scratch: Scratch, model: str) -> float:
    """Return the wall seconds that a model took in the last dbt run."""
    done = json.loads((scratch.directory / "target/run_results.json").read_text())["results"]
    return next(float(r["execution_time"]) for r in done if r["unique_id"].endswith(f".{model}"))


def table_sizes(scratch: Scratch) -> dict[str, dict[str, int]]:
    """Return the rows and the uncompressed bytes of every table, by name."""
    file = scratch.directory / "tables.json"
    scratch.run_module("export", "tables", str(file))
    return json.loads(file.read_text())  # type: ignore[no-any-return]


def moved_bytes(tables: dict[str, dict[str, int]]) -> dict[str, float]:
    """Return the bytes that dbt reads and writes around training, and that training writes."""
    before = ("raw.", "analytics.mart_user_movie_matrix", "analytics.mart_users")
    sizes = {"mart": 0.0, "dbt after": 0.0, "published": 0.0}
    for name, table in tables.items():
        if name.startswith(before):
            sizes["mart"] += table["bytes"]
        else:
            sizes["dbt after"] += table["bytes"]
        if name in PUBLISHED:
            sizes["published"] += table["bytes"]
    return sizes


def phases_of(metrics: dict[str, float]) -> dict[str, dict[str, float]]:
    """Return wall and CPU seconds and peak memory of each phase that `train` logged."""
    phases: dict[str, dict[str, float]] = {}
    for key, value in metrics.items():
        for ending in ("_cpu_seconds", "_seconds", "_peak_rss_mib"):
            if key.startswith("phase_") and key.endswith(ending):
                name = key.removeprefix("phase_").removesuffix(ending)
                field = "wall_seconds" if ending == "_seconds" else ending.removeprefix("_")
                phases.setdefault(name, {})[field] = value
                break
    return phases


def run_usual(scratch: Scratch) -> dict[str, Any]:
    """Measure the usual recipe on the same mart."""
    file = scratch.directory / "usual.json"
    usage = scratch.run_module("usual_recipe", *factors(scratch), str(file))
    result = json.loads(file.read_text())
    return {**result, "phases": phases_of(result["phases"]), "command": usage.as_dict()}


def run_peers(scratch: Scratch) -> dict[str, Any]:
    """Measure other ways to score our factors, and implicit's ALS, on the same matrix."""
    matrix, file = scratch.directory / "matrix.npz", scratch.directory / "peers.json"
    scratch.run_module("export", "matrix", str(matrix))
    usage = scratch.run_module("peers", str(matrix), *factors(scratch), str(file))
    return {**json.loads(file.read_text()), "command": usage.as_dict()}


def factors(scratch: Scratch) -> list[str]:
    """Return the files of W and H that the latest `train` logged."""
    return [str(scratch.artifact(f"{axis}_features.npy")) for axis in ("user", "movie")]
