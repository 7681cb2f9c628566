"""How good the lists are, beside other recommenders, on one split in one run.

    python -m benchmarks.quality --minutes 10

The mart of the configured dbt profile is measured. Everything is tuned on the training part; the
held-out part is looked at once, for the tables. What cannot be installed beside this project is
measured where there is an environment that has it: `--rectools PYTHON` adds SASRec, and poismf is
measured where it is installed (it is source only, and needs a compiler).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import optuna

from benchmarks.ordered_peers import RIDGE, ease_and_ridge, sasrec_of
from benchmarks.quality_peers import (
    ALS,
    BPR,
    EASE,
    NEIGHBOURS,
    PLAIN_EASE,
    POISMF,
    PURE_SVD,
    Params,
    Peer,
    judge_pure_svd,
    tune,
)
from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import evaluate_factors, evaluate_settings
from python_jobs.evaluation.baselines import most_popular
from python_jobs.evaluation.holdout import Holdout, hold_out
from python_jobs.evaluation.list_metrics import (
    ACTIVITY_BOUNDS,
    Evaluation,
    activity_range,
)
from python_jobs.interactions.mart import read_interactions
from python_jobs.model.settings import Settings
from python_jobs.tuning.judging import validation_splits
from python_jobs.tuning.search import search
from python_jobs.warehouse.connection import open_warehouse

COLUMNS = {
    "ndcg_at_10": "NDCG@10",
    "recall_at_10": "recall",
    "precision_at_10": "precision",
    "map_at_10": "MAP",
    "hit_rate_at_10": "hit rate",
    "catalogue_coverage": "coverage",
}
LIKE = {
    "mean_popularity_rank": "popularity rank",
    "novelty": "novelty, bits",
    "long_tail_share": "long tail",
    "gini_index": "Gini",
}


@dataclass(frozen=True)
class Row:
    """A recommender, and how it did on the held-out part."""

    name: str
    evaluation: Evaluation
    chosen: str = ""
    """What the search chose; empty where nothing was searched."""
    registered: bool = False
    """Whether it is what `tune` registers: the others are compared with it."""


def main() -> None:
    """Measure, and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", choices=["temporal", "random"], default="temporal")
    parser.add_argument("--minutes", type=float, default=10.0, help="For each search.")
    parser.add_argument("--rectools", type=Path, help="A Python that has RecTools and PyTorch.")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with open_warehouse(DbtOptions(None, None, None)) as warehouse:
            interactions = read_interactions(warehouse)
        split = hold_out(interactions.matrix, interactions.last_interacted_at, options.protocol)
        rows = measure(split, options.minutes, options.rectools)
    except UserError as error:
        sys.exit(str(error))
    users, movies = split.train.shape
    print(
        f"{users:,} users, {movies:,} movies; {split.train.nnz:,} interactions to learn from and "
        f"{split.test.nnz:,} held out ({options.protocol}); {options.minutes:g} minutes a search.\n"
    )
    print_figures(rows)
    print_likeness(rows)
    print_activity(rows)
    print_choices(rows)


def measure(split: Holdout, minutes: float, rectools: Path | None) -> list[Row]:
    """Tune everything on the training part, and judge it on the rest."""
    rows = [
        Row("Most popular", evaluate_factors(*most_popular(split.train), split)),
        Row("PureSVD, k = 10", judge_pure_svd(split, {"rank": 10})),
        Row("PureSVD, k = 20", judge_pure_svd(split, {"rank": 20})),
    ]
    validations = validation_splits(split.train, split.train_timestamps, split.protocol)
    chosen = {}
    for peer in peers(rectools):
        chosen[peer.name], row = tuned(peer, split, validations, minutes)
        rows.append(row)
    both = ease_and_ridge(chosen[EASE.name], chosen[RIDGE.name])
    rows.append(tuned(both, split, validations, minutes)[1])
    say("Tuning ours …")
    found = search({None: split.train}, split.train_timestamps, split.protocol, minutes)
    say(f"… {len(found.trials)} trials, {sum(trial.pruned for trial in found.trials)} given up.")
    kinds: dict[str, Callable[[Settings], bool]] = {
        "NMF, best single": lambda s: not s.ensemble_ranks and not s.transition_rank,
        "NMF, best ensemble": lambda s: bool(s.ensemble_ranks) and not s.transition_rank,
        "NMF and transitions, best": lambda s: s.transition_rank > 0,
    }
    rows.append(Row("NMF, the defaults", evaluate_settings(Settings(), split)))
    for name, kind in kinds.items():
        settings = found.best_where(kind)
        evaluation, registered = evaluate_settings(settings, split), settings == found.best.settings
        rows.append(Row(name, evaluation, _shown(_that_count(settings)), registered=registered))
    return rows


def peers(rectools: Path | None) -> list[Peer]:
    """Return the others that can be measured here."""
    here = [PURE_SVD, PLAIN_EASE, EASE, ALS, BPR, NEIGHBOURS, RIDGE]
    if find_spec("poismf"):
        here.append(POISMF)
    if rectools:
        here.append(sasrec_of(rectools))
    return here


def tuned(
    peer: Peer, split: Holdout, validations: list[Holdout], minutes: float
) -> tuple[Params, Row]:
    """Tune a peer, and judge what was chosen."""
    say(f"Tuning {peer.name} …")
    params = tune(peer, split, validations, minutes)
    return params, Row(peer.name, peer.judge(split, params), _shown(params))


def _that_count(settings: Settings) -> dict[str, object]:
    """Return settings, without those of transitions where there are none."""
    found: dict[str, object] = asdict(settings)
    if not settings.transition_rank:
        found = {name: value for name, value in found.items() if "transition_" not in name}
    return found


def say(text: str) -> None:
    """Report progress, apart from the tables."""
    print(text, file=sys.stderr, flush=True)


def _shown(params: dict[str, object]) -> str:
    def text(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    return ", ".join(f"{name} {text(value)}" for name, value in params.items())


def print_figures(rows: list[Row]) -> None:
    """Print the metrics, and by how much the registered model's NDCG is above each, with 95 %."""
    (registered,) = (row for row in rows if row.registered)
    ours = registered.evaluation.per_user["ndcg_at_10"]
    print(f"| | {' | '.join(COLUMNS.values())} | `tune` minus it, NDCG@10 |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for row in rows:
        figures = [f"{row.evaluation.metrics[metric]:.4f}" for metric in COLUMNS]
        difference = ours - row.evaluation.per_user["ndcg_at_10"]
        error = 1.96 * difference.std(ddof=1) / np.sqrt(difference.size)
        paired = f"{difference.mean():+.4f} ± {error:.4f}"
        if row.registered:
            paired = "what `tune` registers"
        print(f"| {row.name} | {' | '.join(figures)} | {paired} |")


def print_likeness(rows: list[Row]) -> None:
    """Print what the lists are like, whether or not they hit."""
    print(f"\n| | {' | '.join(LIKE.values())} |\n{'|---' * (len(LIKE) + 1)}|")
    for row in rows:
        rank, *others = (row.evaluation.metrics[metric] for metric in LIKE)
        print(f"| {row.name} | {rank:,.0f} | {' | '.join(f'{value:.3f}' for value in others)} |")


def print_activity(rows: list[Row]) -> None:
    """Print NDCG by how much users have done in the training part."""
    groups = [name for name in ACTIVITY_BOUNDS if name in rows[0].evaluation.by_activity]
    sizes = [int(rows[0].evaluation.by_activity[name]["users"]) for name in groups]
    heads = [
        f"{activity_range(name)} interactions ({size:,} users)"
        for name, size in zip(groups, sizes, strict=True)
    ]
    print(f"\n| NDCG@10 | {' | '.join(heads)} |\n{'|---' * (len(groups) + 1)}|")
    for row in rows:
        figures = [f"{row.evaluation.by_activity[name]['ndcg_at_10']:.4f}" for name in groups]
        print(f"| {row.name} | {' | '.join(figures)} |")


def print_choices(rows: list[Row]) -> None:
    """Print what the searches chose."""
    print("\n| | chosen on the validation splits |\n|---|---|")
    for row in rows:
        if row.chosen:
            print(f"| {row.name} | {row.chosen} |")


if __name__ == "__main__":
    main()
