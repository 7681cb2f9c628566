"""docs/benchmarks.md, from the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.scratch import TRANSITION_RANK, Cost

PHASES = (
    *("start", "read", "evaluate", "fit", "metrics", "log"),
    *("score", "explain", "similar", "publish"),
)
OUR_PHASES = ("read", "fit", "metrics", "score")
"""Reading makes the matrix as it goes, so that the usual recipe's reading is counted as well."""
USUAL_PHASES = ("read", "matrix", "fit", "metrics", "score")

ENOUGH_SECONDS = 0.5
"""What a chart's query may take."""

ABOUT = """
# Benchmarks: time and memory

## Contents

- [Pipeline](#pipeline)
{contents}
- [Start-up, on the sample](#start-up-on-the-sample)
- [Synthetic data](#synthetic-data)
- [How to read the figures](#how-to-read-the-figures)

`make bench` measures the pipeline that users run at 1 M and 20 M interactions, on made-up but
lifelike data, and writes this page, as measured, wins and losses;
`make bench SIZES="1m 20m 100m"` measures 100 M as well. Measured {measured_at} UTC on:
"""
ABOUT_PIPELINE = """
`python_jobs pipeline`, from raw tables to dashboard marts: data tests and the evaluation of the
lists included. The first night begins with raw tables alone. The night after has 1 % new ratings,
of 5 % of the users, with the var `raw_loaded_at` and `--warm-start`. *mart* is dbt's time for
`mart_user_movie_matrix`; the phases are those of `train`, for each interaction.
"""
ABOUT_USUAL = """
The usual recipe is `pivot_table`, scikit-learn's NMF on the dense float64 matrix with the same
rank, seed, initialisation and iterations, errors over all cells of W × H, and a loop over users
that sorts a pandas Series of the unseen movies. It reads the same mart through the same client,
in a process of its own. *read* makes our matrix as it goes, so reading is counted on both sides.
Both start from the same random numbers, rounded to float32 here; the errors are compared twice,
the same factors by our formulas and by the dense product, and each recipe's own factors.

It cannot do 20 M: 138,000 × 27,000 cells of 8 bytes are 27.8 GiB, and it needs three such arrays at
once (the matrix, the product, and their difference), 83 GiB, besides the DataFrame that
`pivot_table` makes first. The sparse matrix is 0.15 GiB.
"""
ABOUT_PEERS = """
Everyone's 20 best unseen movies from the same W and H, with all cores, after a first call on ten
users. A list is identical where its movies are, in order; tied where movies differ but the score
at every rank is the same within a relative 1e-5, which is float32's rounding of a sum of ten
products in another order; other lists are different. implicit's ALS is fitted on the same matrix
at the same rank with its defaults (15 iterations): another model, whose lists are compared in
[quality](quality.md) and not here. scikit-learn's NMF has our settings and the matrix as SciPy has
it; its factors are the same as ours where every bit is.
"""
ABOUT_TRANSITIONS = f"""
`python_jobs train --set transition_rank={TRANSITION_RANK} --no-evaluate --no-publish`: the fit is
NMF with k = 10 and [transitions](collaborative_filtering.md#transitions-what-comes-next) with
k = {TRANSITION_RANK} and 50 iterations. implicit's ALS of the same rank has its defaults (15
iterations).
"""
ABOUT_CHARTS = f"""
Each query that the charts and filters of [both dashboards](dashboards.md) ask of the marts, five
times one after the other, for the user who has done most; the median counts. A chart is to have its
data in {ENOUGH_SECONDS} seconds.
"""
ABOUT_START = """
300 users and 200 movies, so that there is next to no work. While dbt reads the project in a process
of its own, on another core, the command imports what it needs; then it opens ClickHouse and MLflow.
The last row is what nobody can do without: the same libraries, imported by a program that does
nothing else and, like ours, keeps Python's garbage collector out of it.
"""
ABOUT_DATA = """
ClickHouse makes them with SQL from hashes, the same every time (`benchmarks/generate.py`):
log-normal activity with at least 20 interactions each, popularity by Mandelbrot's law as
concentrated as in MovieLens 1M, MovieLens 20M and the Netflix Prize, twenty planted tastes of
which every user has two, half-star ratings, no watch events. The shapes are those of these data
sets. The real commands run over it, in a scratch project on the embedded target.
"""
ABOUT_FIGURES = """
- Commands are whole processes, start-up, imports and dbt's parsing included, by the kernel's own
  account of each (`wait4`); the pipeline's row has the time of its steps and the highest memory of
  one of them. The steps are then measured one by one, on what the pipelines left behind, with
  nothing new and the training from random numbers. Phases are what `train` logs in MLflow.
- The commands are those of an environment with what users install and nothing besides: some
  libraries look through all that is installed, and developers' tools cost 0.3 s of a start.
- Peak memory of a phase is the highest resident memory of the process up to its end; it never
  falls. About 0.3 GiB of every process is ClickHouse's library, mapped from disk.
- `tune` is measured up to 20 M: it tries settings of every kind once, whatever its minutes.
- *log* is MLflow's writing of the model and the run. The compiled kernels are loaded in the start.
- Each figure is one run after a warm-up of 100 k interactions, so that a few per cent are noise.
"""


def render(results: dict[str, Any]) -> str:
    """Return the page."""
    sizes = {title(name): size for name, size in results["sizes"].items()}
    sections = {name: [size_line(size), size_table(size)] for name, size in sizes.items()}
    sections |= {
        f"Beside the usual recipe, at {name}": [*usual_tables(size), ABOUT_USUAL]
        for name, size in sizes.items()
        if "usual" in size
    }
    sections["implicit and scikit-learn on the same matrix"] = [ABOUT_PEERS, peers_table(sizes)]
    sections["Learning what comes next"] = [ABOUT_TRANSITIONS, transitions_table(sizes)]
    sections["Charts of the dashboards"] = [ABOUT_CHARTS, charts_table(sizes)]
    contents = "\n".join(f"- [{name}](#{anchor(name)})" for name in sections)
    machine = "\n".join(f"- {name}: {value}" for name, value in results["machine"].items())
    parts = [
        ABOUT.format(contents=contents, measured_at=results["measured_at"]),
        machine,
        "## Pipeline",
        ABOUT_PIPELINE,
        pipeline_table(sizes),
    ]
    for name, section in sections.items():
        parts += [f"## {name}", *section]
    start = [cost_row(name, cost) for name, cost in results["startup"].items()]
    parts += ["## Start-up, on the sample", ABOUT_START, cost_table(start)]
    parts += ["## Synthetic data", ABOUT_DATA, "## How to read the figures", ABOUT_FIGURES]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def title(name: str) -> str:
    """Return a size as words: 20m is 20 M interactions."""
    return f"{name[:-1]} {name[-1].replace('m', 'M')} interactions"


def anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    return heading.lower().replace(",", "").replace(" ", "-")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; every column but the first is right-aligned."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def cost_table(rows: Iterable[Sequence[str]]) -> str:
    """Return a table of costs."""
    return table(("", "wall s", "CPU s", "peak MiB"), rows)


def cost_row(name: str, cost: Cost) -> tuple[str, ...]:
    """Return the row of one process or phase."""
    wall, cpu, peak = (cost[field] for field in ("wall_seconds", "cpu_seconds", "peak_rss_mib"))
    return name, f"{wall:.2f}", f"{cpu:.2f}", f"{peak:,.0f}"


def seconds(phases: dict[str, Cost], names: Iterable[str]) -> float:
    """Return the wall seconds of some phases."""
    return sum(phases[name]["wall_seconds"] for name in names)


def pipeline_table(sizes: dict[str, dict[str, Any]]) -> str:
    """Return what the pipeline took at each size, and what an interaction costs in its phases."""
    rows = []
    for name, size in sizes.items():
        nights = {f"{name}, first night": size, f"{name}, the night after": size["second"]}
        for label, night in nights.items():
            cells, phases = size["interactions"], night["phases"]
            fit, iterations = seconds(phases, ["fit"]), night["metrics"]["iterations"]
            rest = seconds(phases, set(phases) - {"fit", "start"})
            figures = (
                night["mart_seconds"],
                1e6 * fit / cells,
                1e9 * fit / cells / iterations,
                1e6 * rest / cells,
            )
            cost = cost_row(label, night["pipeline"])
            rows.append((*cost, *(f"{figure:.2f}" for figure in figures)))
    head = ("", "wall s", "CPU s", "peak MiB", "mart s", "fit, µs each", "an iteration, ns each")
    return table((*head, "other phases, µs each"), rows)


def size_line(size: dict[str, Any]) -> str:
    """Return one sentence about a size's data."""
    metrics = size["metrics"]
    ended = "converged" if metrics["converged"] else "stopped"
    return (
        f"{size['users']:,} users, {size['movies']:,} movies and {size['interactions']:,} "
        f"interactions ({metrics['sparsity']:.2f} % of cells empty); k = 10, {ended} after "
        f"{metrics['iterations']:.0f} iterations; {size['recommendations']:,} recommendations "
        "published."
    )


def size_table(size: dict[str, Any]) -> str:
    """Return what the pipeline, each of its steps and each phase of `train` took."""
    rows = [cost_row("**`python_jobs pipeline`**, first night", size["pipeline"])]
    phases = size["steps_phases"]
    known = [name for name in PHASES if name in phases]
    for step in size["steps"]:
        rows.append(cost_row(f"`{step['command']}`", step))
        if step["command"].startswith("python_jobs train"):
            names = [*known, *sorted(set(phases) - set(known))]
            rows += [cost_row(f"– {name}", phases[name]) for name in names]
    after = size["second"]
    rows.append(
        cost_row("**`python_jobs pipeline --warm-start`**, the night after", after["pipeline"])
    )
    names = [
        name for name in (*known, *sorted(set(phases) - set(known))) if name in after["phases"]
    ]
    rows += [cost_row(f"– {name}", after["phases"][name]) for name in names]
    rows += [cost_row(name, cost) for name, cost in size["judged"].items()]
    return cost_table(rows)


def usual_tables(size: dict[str, Any]) -> list[str]:
    """Return the comparison with the usual recipe: seconds, memory and errors."""
    usual, ours = size["usual"], size["phases"]
    compared = {
        name: (seconds(usual["phases"], [name]), seconds(ours, [name])) for name in OUR_PHASES
    }
    compared["together"] = (seconds(usual["phases"], USUAL_PHASES), seconds(ours, OUR_PHASES))
    rows = [
        (name, f"{theirs:.2f}", f"{mine:.2f}", f"{theirs / mine:.1f}")
        for name, (theirs, mine) in compared.items()
    ]
    rows.insert(1, ("matrix", f"{seconds(usual['phases'], ['matrix']):.2f}", "in read", ""))
    peak, own = (phases["score"]["peak_rss_mib"] for phases in (usual["phases"], ours))
    rows.append(("peak MiB", f"{peak:,.0f}", f"{own:,.0f}", f"{peak / own:.1f}"))
    errors = [
        (name, *(f"{found[name]:.9f}" for found in (size["metrics"], usual["errors_of_our_factors"],
                                                    usual["errors"])))
        for name in ("rmse", "mae")
    ]  # fmt: skip
    head = ("all cells", "ours, by formula", "our factors, dense", "the usual recipe's own")
    return [table(("", "usual, s", "ours, s", "times"), rows), table(head, errors)]


def peers_table(sizes: dict[str, dict[str, Any]]) -> str:
    """Return the rates, and how far the lists are the same."""
    rows = []
    for name, size in sizes.items():
        if not (peers := size.get("peers")):
            continue
        lists = [f"{count:,}" for count in peers["lists"].values()]
        bits = "the same" if peers["same_factors"] else "other"
        for what, took, same in (
            ("python_jobs' kernel", peers["kernel"], ["", "", ""]),
            ("implicit's top-k", peers["implicit"], lists),
        ):
            rate = f"{size['users'] / took:,.0f}"
            rows.append((f"{what}, {name}", f"{took:.2f}", rate, *same))
        for what, took in (
            ("implicit's ALS fit", peers["als"]),
            (f"scikit-learn's NMF fit on one core, {bits} factors", peers["plain_fit"]),
            ("our fit", seconds(size["phases"], ["fit"])),
        ):
            rows.append((f"{what}, {name}", f"{took:.2f}", "", "", "", ""))
    return table(("", "seconds", "users/s", "identical lists", "tied", "other"), rows)


def transitions_table(sizes: dict[str, dict[str, Any]]) -> str:
    """Return what a fit with transitions takes, beside one without and ALS."""
    rows = []
    for name, size in sizes.items():
        if not (found := size.get("transitions")):
            continue
        fit, peak = found["fit"], found["train"]["peak_rss_mib"]
        costs = {
            "our fit, NMF and transitions": (fit["wall_seconds"], fit["cpu_seconds"], peak),
            "our fit, NMF alone": (
                seconds(size["phases"], ["fit"]), size["phases"]["fit"]["cpu_seconds"],
                size["phases"]["fit"]["peak_rss_mib"],
            ),
        }  # fmt: skip
        for what, (wall, cpu, memory) in costs.items():
            rows.append((f"{what}, {name}", f"{wall:.2f}", f"{cpu:.2f}", f"{memory:,.0f}"))
        wide = f"{size['peers']['wide_als']:.2f}"
        rows.append((f"implicit's ALS fit, k = {TRANSITION_RANK}, {name}", wide, "", ""))
    return table(("", "wall s", "CPU s", "peak MiB of the process"), rows)


def charts_table(sizes: dict[str, dict[str, Any]]) -> str:
    """Return how many of the charts' queries are fast enough, and which are the slowest."""
    rows = []
    for name, size in sizes.items():
        if not (charts := size.get("charts")):
            continue
        medians = {chart: found["median"] for chart, found in charts.items()}
        slowest = max(medians, key=medians.__getitem__)
        fast = sum(median < ENOUGH_SECONDS for median in medians.values())
        figures = (f"{fast} of {len(medians)}", f"{medians[slowest]:.3f}", slowest)
        rows.append((name, *figures))
    return table(("", f"under {ENOUGH_SECONDS} s", "slowest, s", "which"), rows)
