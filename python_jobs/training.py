"""One training run, from the mart to the published lists."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from python_jobs.assessment import Assessment, assess
from python_jobs.errors import UserError
from python_jobs.factorization import Factorization, factorize
from python_jobs.gate import TOLERANCE, Champion, Verdict, champion_settings, judge
from python_jobs.holdout import TooFewInteractionsError, hold_out
from python_jobs.interaction_columns import Interactions
from python_jobs.interactions import read_interactions
from python_jobs.popularity import popularity_of
from python_jobs.progress import Phases
from python_jobs.publishing import TrainingRun, publish
from python_jobs.reconstruction import reconstruction_metrics
from python_jobs.registry import CHALLENGER, CHAMPION, register_model, set_alias
from python_jobs.run_tables import Ranked, cold_users, tables_of
from python_jobs.settings import Settings
from python_jobs.tracking import (
    ModelRecord,
    Tracking,
    log_mart,
    log_metrics,
    log_params,
    log_record,
    tracked_run,
)
from python_jobs.warehouse import Warehouse
from python_jobs.weighting import weigh


@dataclass(frozen=True)
class TrainOptions:
    """What one run is asked to do."""

    settings: Settings
    top: int = 20
    """Recommendations per user."""
    publish: bool = True
    """Whether the run goes live; without it, it is logged and registered only."""
    evaluate: bool = True
    """Whether its lists are judged on a holdout first; without it, there is no gate either."""
    force: bool = False
    """Whether it goes live even where the gate would refuse it."""
    tolerance: float = TOLERANCE
    """Share of the champion's NDCG@10 that it may lose."""
    keep: int = 5
    """Model versions whose lists are kept for rollbacks, the current one included."""


@dataclass(frozen=True)
class TrainReport:
    """What a run was and what became of it, for the screen."""

    run: TrainingRun
    published: bool
    assessment: Assessment | None
    """None where it was not evaluated."""
    verdict: Verdict | None
    """None where there was no champion to compare with."""
    short_lists: int
    """Users whose lists are shorter than asked for: they have seen nearly everything."""


def train(
    warehouse: Warehouse, tracking: Tracking, options: TrainOptions, phases: Phases
) -> TrainReport:
    """Evaluate, train on the mart, log and register the model, and publish every user's top-N.

    A model that the gate refuses is logged, registered as ``challenger`` and not published.

    Raises
    ------
    UserError
        If the mart cannot be trained on, or ``options.top`` does not fit it. Nothing is published
        then, and no version is registered.
    """
    champion = champion_settings(tracking) if options.evaluate else None
    compared = (options.settings, champion.settings) if champion else (options.settings,)
    with phases.phase("read") as bar:
        weights = [settings.watched_weight for settings in compared]
        interactions = read_interactions(warehouse, weights, bar)
    require_top(options.top, interactions.movie_ids.size)
    tags = {**run_tags(warehouse, interactions), "forced": str(options.force).lower()}
    with tracked_run(tracking, "train", tags) as run_id:
        assessment, verdict = evaluate(interactions, champion, options, phases)
        with phases.phase("fit"):
            weighed = weighed_by(interactions, options.settings)
            fitted = factorize(weighed.matrix, options.settings)
        with phases.phase("metrics"):
            metrics = measure(weighed, fitted, assessment, verdict)
        with phases.phase("log"):
            run = log_run(tracking, run_id, interactions, fitted, options, metrics, tags)
        live = options.publish and (verdict is None or verdict.passed or options.force)
        if live:
            run = publish_run(warehouse, run, weighed, fitted, options, phases)
            set_alias(tracking, CHAMPION, run.model_version)
        elif options.publish:
            set_alias(tracking, CHALLENGER, run.model_version)
        log_metrics(phases.metrics())
    return TrainReport(run, live, assessment, verdict, short_lists(interactions, options.top))


def run_tags(warehouse: Warehouse, interactions: Interactions) -> dict[str, str]:
    """Return what a run can be walked back by: the code, and the dbt run that built the mart."""
    return {
        "dbt_invocation_id": interactions.dbt_invocation_id,
        "dbt_target": warehouse.project.target,
        "git_commit": git_commit(warehouse.project.directory),
    }


def require_top(top: int, movies: int) -> None:
    """Refuse a list length that is not between 1 and the number of movies.

    Raises
    ------
    UserError
        If it is not.
    """
    if not 1 <= top <= movies:
        raise UserError(
            f"A list of {top} recommendations cannot be made from {movies:,} movies.",
            f"Give --top a number from 1 to {movies}.",
        )


def evaluate(
    interactions: Interactions,
    champion: Champion | None,
    options: TrainOptions,
    phases: Phases,
) -> tuple[Assessment | None, Verdict | None]:
    """Judge the settings on a temporal holdout, beside the baselines and the champion's settings.

    Both are None where the run is not to be evaluated or no user has enough interactions; the
    second also where there is no champion yet.
    """
    if not options.evaluate:
        return None, None
    with phases.phase("evaluate"):
        try:
            holdout = hold_out(interactions.matrix, interactions.last_interacted_at)
        except TooFewInteractionsError:
            return None, None
        assessment = assess(holdout, options.settings)
        if champion is None:
            return assessment, None
        if champion.settings.watched_weight != options.settings.watched_weight:
            # The same cells are held out; they only count differently.
            theirs = interactions.under(champion.settings.watched_weight)
            holdout = hold_out(theirs.matrix, theirs.last_interacted_at)
        verdict = judge(champion, holdout, options.settings, assessment, options.tolerance)
    return assessment, verdict


def weighed_by(interactions: Interactions, settings: Settings) -> Interactions:
    """Return the interactions with the scores that the settings make of them."""
    matrix = weigh(interactions.matrix, interactions.last_interacted_at, settings)
    return replace(interactions, matrix=matrix)


def measure(
    weighed: Interactions,
    fitted: Factorization,
    assessment: Assessment | None,
    verdict: Verdict | None,
) -> dict[str, float]:
    """Return all metrics of a run: distance from the matrix, the solver's end, and the lists'."""
    metrics = reconstruction_metrics(weighed.matrix, fitted.W, fitted.H)
    metrics |= {"iterations": float(fitted.iterations), "converged": float(fitted.converged)}
    if assessment:
        metrics |= assessment.metrics()
    if verdict:
        metrics |= verdict.metrics()
    return metrics


def log_run(
    tracking: Tracking,
    run_id: str,
    interactions: Interactions,
    fitted: Factorization,
    options: TrainOptions,
    metrics: dict[str, float],
    tags: dict[str, str],
) -> TrainingRun:
    """Log the run, register its model, and return the run as it may be published."""
    users, movies = interactions.matrix.shape
    last = datetime.fromtimestamp(interactions.last_interacted_at.max() / 1000, UTC).isoformat()
    params = {
        "algorithm": "NMF",
        "n_components": fitted.W.shape[1],
        "matrix_shape": f"{users}x{movies}",
        "top": options.top,
        **asdict(options.settings),
    }
    params = {name: str(value) for name, value in params.items()}
    log_params(params)
    log_metrics(metrics)
    log_mart(interactions.relation, interactions.matrix.nnz, last)
    metadata = {
        "run_id": run_id,
        "mart": interactions.relation,
        "last_interacted_at": last,
        **tags,
        "settings": asdict(options.settings),
        "params": params,
        "metrics": metrics,
        "user_ids": interactions.user_ids.tolist(),
        "movie_ids": interactions.movie_ids.tolist(),
    }
    log_record(ModelRecord(fitted.W, fitted.H, interactions.fingerprints, metadata))
    version = register_model(tracking, run_id, fitted.model, interactions.matrix, fitted.W)
    return TrainingRun(
        run_id=run_id,
        model_name=tracking.model_name,
        model_version=version,
        users=users,
        movies=movies,
        interactions=interactions.matrix.nnz,
        recommendations=0,
        params=params,
        metrics=metrics,
        dbt_invocation_id=tags["dbt_invocation_id"],
        git_commit=tags["git_commit"],
    )


def publish_run(
    warehouse: Warehouse,
    run: TrainingRun,
    weighed: Interactions,
    fitted: Factorization,
    options: TrainOptions,
    phases: Phases,
) -> TrainingRun:
    """Score every user and publish the lists and what goes with them."""
    ranked = Ranked(
        W=fitted.W,
        H=fitted.H,
        matrix=weighed.matrix,
        user_ids=weighed.user_ids,
        movie_ids=weighed.movie_ids,
        folded_in=np.zeros(weighed.user_ids.size, bool),
        cold_users=cold_users(warehouse),
        popularity=lambda: popularity_of(weighed.matrix),
        top=options.top,
    )
    with phases.phase("publish", total=weighed.user_ids.size) as bar:
        return publish(warehouse, run, tables_of(ranked, phases, bar), options.keep)


def short_lists(interactions: Interactions, top: int) -> int:
    """Count the users with fewer unseen movies than a list is long."""
    seen = np.diff(interactions.matrix.indptr)
    return int(np.count_nonzero(interactions.movie_ids.size - seen < top))


def git_commit(directory: Path) -> str:
    """Return the commit checked out in a directory, ``-dirty`` if it was changed; or empty."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # deployed without git
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
