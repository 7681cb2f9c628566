"""What was to be reached, what was measured, and why it was missed where it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Result = dict[str, Any]
"""The figures of one size, as :func:`benchmarks.run_size.run_size` returns them."""

SAME_TO_SIX_DIGITS = 5e-7
GIBIBYTE = 1024.0
"""In MiB."""


@dataclass(frozen=True)
class Verdict:
    """A target, and the figure that is to meet it."""

    target: str
    measured: str
    missed_by: str
    """Empty where it was reached."""
    why: str
    """Why it was missed, where it was."""


def verdicts(sizes: dict[str, Result], startup: Result) -> list[Verdict]:
    """Judge every target of the sizes that were measured, and of the start."""
    found = [*of_the_start(startup)]
    if "1m" in sizes:
        found += [*beside_the_usual(sizes["1m"])]
    if "20m" in sizes:
        found += [*at_twenty_million(sizes["20m"])]
    if "1m" in sizes and "20m" in sizes:
        found += growth(sizes["1m"], sizes["20m"])
    return found


def of_the_start(startup: Result) -> list[Verdict]:
    """Judge what passes before a command works."""
    work = sum(phase["cpu_seconds"] for phase in startup["phases"].values())
    libraries = startup["libraries"]["cpu_seconds"]
    return [
        at_most(
            "`python_jobs --help` in under 0.4 s of CPU",
            startup["help"]["cpu_seconds"],
            0.4,
            "Something heavy is imported too early.",
            "{:.2f} s",
        ),
        at_most(
            "`train` on the sample: less start than work, in CPU seconds",
            startup["start"]["cpu_seconds"] / work,
            1,
            f"There is {work:.1f} s of work, and importing the libraries alone, by a program that "
            f"does nothing else, takes {libraries:.1f} s.",
        ),
    ]


def beside_the_usual(result: Result) -> list[Verdict]:
    """Judge the comparison with the usual recipe."""
    usual = result["usual"]
    speed = total(usual["phases"], USUAL_PHASES) / total(result["phases"], OUR_PHASES)
    memory = result["commands"]["train"]["peak_rss_mib"] / usual_peak(usual)
    own = max(relative(result["metrics"][name], usual["errors"][name]) for name in ("rmse", "mae"))
    same = max(
        relative(result["metrics"][name], usual["errors_of_our_factors"][name])
        for name in ("rmse", "mae")
    )
    return [
        at_least(
            "1 M: ten times faster than the usual recipe over matrix, fit, metrics and top-N",
            speed,
            10,
            "The fit itself is what is slow in both: see the table below for each phase.",
        ),
        at_most(
            "1 M: less than half the usual recipe's peak memory",
            memory,
            0.5,
            "At this size the process is mostly libraries: ClickHouse, MLflow, scikit-learn and "
            "the kernels' compiler. What either adds to its libraries is in the table below.",
        ),
        at_most(
            "1 M: the same RMSE and MAE to six digits, of the same factors",
            same,
            SAME_TO_SIX_DIGITS,
            "The formulas and the dense errors disagree.",
            "relative difference {:.0e}",
        ),
        at_most(
            "1 M: the same to six digits, each of its own factors",
            own,
            SAME_TO_SIX_DIGITS,
            "float32 and float64 factors part over the iterations.",
            "relative difference {:.0e}",
        ),
    ]


def at_twenty_million(result: Result) -> list[Verdict]:
    """Judge memory, what is not the fit, and scoring."""
    peers, fit = result["peers"], result["phases"]["fit"]["wall_seconds"]
    plain = peers["plain_fit"]["seconds"]
    rate = peers["implicit"]["seconds"] / peers["kernel"]["seconds"]
    rest = sum(phase["wall_seconds"] for phase in result["phases"].values()) - fit
    around = sum(result["commands"][name]["wall_seconds"] for name in ("mart", "dbt after"))
    return [
        at_most(
            "20 M: peak memory of `train` under 2 GiB",
            result["commands"]["train"]["peak_rss_mib"] / GIBIBYTE,
            2,
            "See the phases below for where it rises.",
            "{:.2f} GiB",
        ),
        at_most(
            "20 M: everything but the fit under a third of it, dbt's two runs included",
            (rest + around) / fit,
            1 / 3,
            "dbt's two runs, which start a process and parse the project each, are most of it.",
            "{:.2f} of the fit",
        ),
        at_most(
            "20 M: the same, of the phases of `train` alone",
            rest / fit,
            1 / 3,
            f"The fit runs on all cores, in {fit / plain:.0%} of scikit-learn's own time on one; "
            "the next line has the same phases beside that. Reading and publishing are most of the "
            "rest: every interaction comes through ClickHouse's wire format, and every list is "
            "inserted, and checked again by SQL before it goes live.",
            "{:.2f} of the fit",
        ),
        at_most(
            "20 M: the same, beside scikit-learn's fit on the matrix as it is",
            rest / plain,
            1 / 3,
            "See the phases below.",
            "{:.2f} of that fit",
        ),
        at_least(
            "20 M: scoring at three times the rate of implicit's top-k",
            rate,
            3,
            "See the table of rates below.",
        ),
        at_most(
            "20 M: the same lists as implicit's top-k, up to ties",
            peers["implicit"]["different"],
            0,
            "Scores that differ by float32's rounding change places.",
            "{:.0f} users with others",
        ),
    ]


def growth(small: Result, large: Result) -> list[Verdict]:
    """Judge what an interaction costs from 1 M to 20 M, in the phases and over whole commands."""
    why = "The factors of 20 M no longer fit the cache next to the core; see the growth below."
    return [
        at_most(
            "From 1 M to 20 M, cost per interaction within 1.3 times: the phases of `train`",
            phases_per_interaction(large) / phases_per_interaction(small),
            1.3,
            why,
        ),
        at_most(
            "The same of whole commands, with their start-up",
            per_interaction(large) / per_interaction(small),
            1.3,
            why,
        ),
    ]


OUR_PHASES = ("read", "fit", "metrics", "score")
"""Reading makes the matrix as it goes, so that the usual recipe's reading is counted as well."""
USUAL_PHASES = ("read", "matrix", "fit", "metrics", "score")
COMMANDS = ("mart", "train", "dbt after")


def per_interaction(result: Result) -> float:
    """Return microseconds of wall time for each interaction, over all commands."""
    seconds = sum(result["commands"][name]["wall_seconds"] for name in COMMANDS)
    return float(1e6 * seconds / result["interactions"])


def phases_per_interaction(result: Result) -> float:
    """Return microseconds of wall time for each interaction, over the phases of `train`."""
    seconds = sum(phase["wall_seconds"] for phase in result["phases"].values())
    return float(1e6 * seconds / result["interactions"])


def usual_peak(usual: Result) -> float:
    """Return the usual recipe's peak in MiB while it was timed, without the check after it."""
    return float(usual["phases"]["score"]["peak_rss_mib"])


def total(phases: Result, names: tuple[str, ...]) -> float:
    """Return the wall seconds of some phases."""
    return float(sum(phases[name]["wall_seconds"] for name in names))


def relative(a: float, b: float) -> float:
    """Return the difference of two numbers as a share of the second."""
    return abs(a - b) / abs(b)


def at_least(target: str, value: float, wanted: float, why: str) -> Verdict:
    """Judge a ratio that is to be large."""
    missed = "" if value >= wanted else f"{wanted - value:.2g} of {wanted:g}"
    return Verdict(target, f"{value:.1f} times", missed, why if missed else "")


def at_most(
    target: str, value: float, wanted: float, why: str, shown: str = "{:.2f} times"
) -> Verdict:
    """Judge a figure that is to be small."""
    missed = "" if value <= wanted else f"a factor of {value / wanted:.2f}" if wanted else "these"
    return Verdict(target, shown.format(value), missed, why if missed else "")
