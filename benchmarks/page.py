"""docs/benchmarks.md, from the results file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.picture import draw
from benchmarks.sizes import LARGE
from benchmarks.targets import (
    OUR_PHASES,
    USUAL_PHASES,
    Result,
    per_interaction,
    total,
    usual_peak,
    verdicts,
)
from benchmarks.words import (
    ABOUT_DATA,
    ABOUT_FIGURES,
    ABOUT_PEERS,
    ABOUT_START,
    ABOUT_USUAL,
    INTRODUCTION,
)
from python_jobs.progress import MEBIBYTE

TITLES = {"1m": "1 M interactions", "20m": "20 M interactions", "100m": "100 M interactions"}
PHASES = ("read", "fit", "metrics", "log", "score", "explain", "similar", "publish")


def render(results: dict[str, Any], docs: Path) -> None:
    """Write the page and its picture."""
    sizes = results["sizes"]
    draw(sizes, docs / "images/benchmarks.png")
    parts = [
        "# Benchmarks",
        INTRODUCTION.format(measured_at=results["measured_at"].replace("T", " ")[:16]),
        machine_table(results),
        "## What was to be reached",
        *targets(sizes, results["startup"]),
        "## Growth",
        "![Time and memory over the number of interactions](images/benchmarks.png)",
        growth_table(sizes),
    ]
    parts += ["## Start-up, on the sample", ABOUT_START, start_table(results["startup"])]
    for name, result in sizes.items():
        parts += [f"## {TITLES[name]}", size_line(result), phase_table(result)]
    if "1m" in sizes:
        parts += ["## Beside the usual recipe, at 1 M", *usual_part(sizes["1m"])]
    parts += ["## Scoring and fitting in other ways", ABOUT_PEERS, peers_table(sizes)]
    parts += ["## The data", ABOUT_DATA, "## How to read the figures", ABOUT_FIGURES]
    (docs / "benchmarks.md").write_text("\n\n".join(part.strip() for part in parts) + "\n")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; every column but the first is right-aligned."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def machine_table(results: dict[str, Any]) -> str:
    """Return the machine, its rates and the versions, as a list."""
    rates, lines = results["rates"], dict(results["machine"])
    lines["copies"] = f"{rates['copied_bytes'] / 1e9:.1f} GB/s from array to array, one thread"
    lines["multiplies"] = f"{rates['flops'] / 1e9:.0f} Gflop/s, sgemm of our shape with k = 10"
    return "\n".join(f"- {name}: {value}" for name, value in lines.items())


def targets(sizes: dict[str, Result], startup: Result) -> list[str]:
    """Return the table of targets, and why each was missed that was."""
    found = verdicts(sizes, startup)
    rows = [(v.target, v.measured, f"missed by {v.missed_by}" if v.missed_by else "reached")
            for v in found]  # fmt: skip
    head = "| Target | Measured | |\n|---|---|---|\n"
    reasons = [f"- {v.target}: {v.why}" for v in found if v.why]
    listed = head + "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return [listed, *(["Why, where one was missed:", "\n".join(reasons)] if reasons else [])]


def growth_table(sizes: dict[str, Result]) -> str:
    """Return what an interaction costs at each size."""
    rows = []
    for name, result in sizes.items():
        cells, iterations = result["interactions"], result["metrics"]["iterations"]
        fit = result["phases"]["fit"]["wall_seconds"]
        rest = sum(result["phases"][p]["wall_seconds"] for p in result["phases"]) - fit
        rows.append((TITLES[name], f"{per_interaction(result):.1f}", f"{1e6 * fit / cells:.2f}",
                     f"{iterations:.0f}", f"{1e9 * fit / cells / iterations:.1f}",
                     f"{1e6 * rest / cells:.2f}"))  # fmt: skip
    return table(("", "all commands, µs each", "fit, µs each", "iterations",
                  "an iteration, ns each", "other phases of train, µs each"), rows)  # fmt: skip


def start_table(startup: Result) -> str:
    """Return what passes before and beside the work."""
    phases = startup["phases"].values()
    work = {
        field: sum(phase[field] for phase in phases) for field in ("wall_seconds", "cpu_seconds")
    }
    rows = [
        figures("`python_jobs --help`", startup["help"]),
        figures("**train** on the sample, dbt's process included", startup["train"]),
        figures("– start, in its own process", startup["start"]),
        figures("– the phases after it", work),
        figures("bare import of the libraries", startup["libraries"]),
    ]
    return table(("", "wall s", "CPU s", "peak MiB"), [row[:4] for row in rows])


def size_line(result: Result) -> str:
    """Return one sentence about the data of a size."""
    metrics = result["metrics"]
    ended = "converged" if metrics["converged"] else "stopped"
    return (
        f"{result['users']:,} users, {result['movies']:,} movies and {result['interactions']:,} "
        f"interactions ({metrics['sparsity']:.2f} % of cells empty); k = 10, {ended} after "
        f"{metrics['iterations']:.0f} iterations; {result['recommendations']:,} recommendations "
        f"published. The mart's own model took {result['mart_model_seconds']:.2f} s of dbt's run."
    )


def phase_table(result: Result) -> str:
    """Return what each command and phase took, and the machine's own limit for it."""
    commands, phases, limits = result["commands"], result["phases"], result["limits"]
    started = {
        field: commands["train"][field] - sum(p[field] for p in phases.values())
        for field in ("wall_seconds", "cpu_seconds")
    }
    rows = [figures("**dbt run**, the mart", commands["mart"], limits["mart"])]
    rows.append(figures("**train**", commands["train"]))
    rows.append(figures("– start, imports, end", started))
    for name in (*PHASES, *sorted(set(phases) - set(PHASES))):
        rows += [figures(f"– {name}", phases[name], limits.get(name))] if name in phases else []
    rows.append(figures("**dbt run**, after", commands["dbt after"], limits["dbt after"]))
    return table(("", "wall s", "CPU s", "peak MiB", "limit s", "× limit"), rows)


def figures(name: str, cost: dict[str, float], limit: dict[str, Any] | None = None) -> list[str]:
    """Return one row: seconds, memory, and how many times the limit the wall time is."""
    peak = f"{cost['peak_rss_mib']:,.0f}" if "peak_rss_mib" in cost else ""
    row = [name, f"{cost['wall_seconds']:.2f}", f"{cost['cpu_seconds']:.2f}", peak]
    if not limit:
        return [*row, "", ""]
    times = cost["wall_seconds"] / limit["seconds"]
    return [*row, f"{limit['seconds']:.4f}", f"{times:,.1f}" if times < 100 else f"{times:,.0f}"]


def usual_part(result: Result) -> list[str]:
    """Return the comparison with the usual recipe, and why it ends where it does."""
    usual, ours = result["usual"], result["phases"]
    rows = []
    for name in USUAL_PHASES:
        mine = ours[name]["wall_seconds"] if name in ours else None
        theirs = usual["phases"][name]["wall_seconds"]
        rows.append((name, f"{theirs:.2f}", f"{mine:.2f}" if mine else "in read",
                     f"{theirs / mine:.1f}" if mine else ""))  # fmt: skip
    theirs, mine = total(usual["phases"], USUAL_PHASES), total(ours, OUR_PHASES)
    rows.append(("together", f"{theirs:.2f}", f"{mine:.2f}", f"{theirs / mine:.1f}"))
    train, peak = result["commands"]["train"]["peak_rss_mib"], usual_peak(usual)
    rows.append(("peak MiB", f"{peak:,.0f}", f"{train:,.0f}", f"{peak / train:.1f}"))
    base, start = result["libraries_mib"], usual["libraries_mib"]
    rows.append(("– before the data", f"{start:,.0f}", f"{base:,.0f}", ""))
    above, over = peak - start, train - base
    rows.append(("– above that", f"{above:,.0f}", f"{over:,.0f}", f"{above / over:.1f}"))
    compared = table(("", "usual, s", "ours, s", "times"), rows)
    errors = [
        (name, f"{result['metrics'][name]:.9f}", f"{usual['errors_of_our_factors'][name]:.9f}",
         f"{usual['errors'][name]:.9f}")
        for name in ("rmse", "mae")
    ]  # fmt: skip
    head = ("all cells", "ours, by formula", "our factors, dense", "the usual recipe's own")
    dense = LARGE.users * LARGE.movies * 8 / MEBIBYTE / 1024
    about = ABOUT_USUAL.format(users=LARGE.users, movies=LARGE.movies, dense=dense,
                               three=3 * dense)  # fmt: skip
    return [compared, table(head, errors), about]


def peers_table(sizes: dict[str, Result]) -> str:
    """Return the rates, and how far the lists are the same."""
    rows = []
    for name, result in sizes.items():
        peers, users = result.get("peers"), result["users"]
        if not peers:
            continue
        for peer, title in (("kernel", "python_jobs' kernel"), ("implicit", "implicit's top-k"),
                            ("numpy", "NumPy blocks")):  # fmt: skip
            found = peers[peer]
            same = (f"{found['identical']:,}", f"{found['tied']:,}", f"{found['different']:,}"
                    ) if "identical" in found else ("", "", "")  # fmt: skip
            rows.append((f"{title}, {TITLES[name]}", f"{found['seconds']:.2f}",
                         f"{users / found['seconds']:,.0f}", *same))  # fmt: skip
        rows.append((f"implicit's ALS fit, {TITLES[name]}", f"{peers['als']['seconds']:.2f}",
                     "", "", "", ""))  # fmt: skip
        plain = peers["plain_fit"]
        bits = "the same" if plain["factors"] == peers["factors"] else "other"
        rows.append((f"scikit-learn's NMF fit on one core, {bits} factors, {TITLES[name]}",
                     f"{plain['seconds']:.2f}", "", "", "", ""))  # fmt: skip
        rows.append((f"our fit, {TITLES[name]}",
                     f"{result['phases']['fit']['wall_seconds']:.2f}", "", "", "", ""))  # fmt: skip
    return table(("", "seconds", "users/s", "identical lists", "tied", "other"), rows)
