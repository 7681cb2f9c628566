"""Time and memory over the number of interactions, both axes logarithmic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.targets import COMMANDS, Result, usual_peak

INK, MUTED, GRID = "#20303C", "#5E6E7A", "#DDE3E7"
TRAIN, FIT, REST, DBT, USUAL = "#2F6BAE", "#C8622D", "#2C8A6B", "#8A6A14", "#A03050"


def draw(sizes: dict[str, Result], file: Path) -> None:
    """Draw the two panels into a PNG."""
    mpl.rcParams |= {"font.family": "DejaVu Sans", "axes.edgecolor": MUTED, "text.color": INK}
    figure, (times, memory) = plt.subplots(1, 2, figsize=(11, 4.6), dpi=160, layout="constrained")
    cells = [result["interactions"] for result in sizes.values()]
    results = list(sizes.values())
    line(times, cells, [everything(r) for r in results], "all three commands", INK)
    line(times, cells, [phase(r, "fit") for r in results], "fit", FIT)
    line(times, cells, [others(r) for r in results], "other phases of train", REST)
    line(times, cells, [dbt(r) for r in results], "dbt, both runs", DBT)
    first = results[0]["commands"]["train"]["peak_rss_mib"]
    line(memory, cells, [peak(r, "train") for r in results], "train", TRAIN)
    line(memory, cells, [peak(r, "mart") for r in results], "dbt: mart", DBT)
    line(memory, cells, [peak(r, "dbt after") for r in results], "dbt: after", REST)
    for result in results:
        if "usual" in result:
            usual, x = result["usual"], result["interactions"]
            seconds = sum(p["wall_seconds"] for p in usual["phases"].values())
            times.plot(x, seconds, "D", color=USUAL, ms=7, label="the usual recipe")
            memory.plot(x, usual_peak(usual), "D", color=USUAL, ms=7, label="the usual recipe")
    memory.axhline(2048, color=MUTED, lw=1, ls=":")
    memory.text(cells[0], 2048 * 1.04, "2 GiB", color=MUTED, fontsize=8.5)
    memory.set_ylim(bottom=min(256, first / 2))
    finish(times, "Wall time", "seconds")
    finish(memory, "Peak resident memory of each process", "MiB")
    figure.savefig(file, metadata={"Software": ""})
    plt.close(figure)


def line(axes: Axes, x: list[float], y: list[float], label: str, color: str) -> None:
    """Draw one series and its points."""
    axes.plot(x, y, "o-", color=color, lw=1.8, ms=5, label=label)


def finish(axes: Axes, title: str, unit: str) -> None:
    """Give a panel its scales and words."""
    axes.set(xscale="log", yscale="log", xlabel="interactions", ylabel=unit)
    axes.set_title(title, loc="left", fontsize=11, weight="bold")
    axes.grid(True, which="major", color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    axes.xaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=" "))
    axes.legend(frameon=False, fontsize=9)


def everything(result: Result) -> float:
    """Return the wall seconds of the three commands."""
    return float(sum(result["commands"][name]["wall_seconds"] for name in COMMANDS))


def phase(result: Result, name: str) -> float:
    """Return the wall seconds of one phase of `train`."""
    return float(result["phases"][name]["wall_seconds"])


def others(result: Result) -> float:
    """Return the wall seconds of all phases of `train` but the fit."""
    phases: dict[str, Any] = result["phases"]
    return float(sum(p["wall_seconds"] for p in phases.values())) - phase(result, "fit")


def dbt(result: Result) -> float:
    """Return the wall seconds of dbt's two runs."""
    return float(sum(result["commands"][n]["wall_seconds"] for n in ("mart", "dbt after")))


def peak(result: Result, command: str) -> float:
    """Return the peak memory of a command in MiB."""
    return float(result["commands"][command]["peak_rss_mib"])
