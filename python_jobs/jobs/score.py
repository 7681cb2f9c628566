"""Fresh lists for everybody now in the mart, with the champion's factors and without a fit."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import numpy as np

from python_jobs.evaluation.gate import Size, Verdict, refusal, shrunk
from python_jobs.interactions.mart import read_interactions
from python_jobs.interactions.popularity import popularity_of
from python_jobs.interactions.recommendable import read_recommendable
from python_jobs.interactions.users import cold_users
from python_jobs.jobs.going_live import go_live
from python_jobs.jobs.live import Live, load_live
from python_jobs.jobs.new_movies import read_new_movies
from python_jobs.jobs.options import ScoreOptions
from python_jobs.jobs.recording import git_commit
from python_jobs.jobs.user_factors import user_factors
from python_jobs.jobs.variety import read_variety
from python_jobs.progress import Phases
from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.publish import place_rows
from python_jobs.publishing.refusals import record_refusal
from python_jobs.publishing.rows import Ranked, require_top, tables_of
from python_jobs.tracking.store import Tracking
from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class ScoreReport:
    """What was published, and how the users' factors were come by."""

    run: TrainingRun
    known: int
    """Users whose interactions are those that the champion was trained on."""
    folded_in: int
    """Users who came or changed since."""
    unknown_interactions: int
    """Interactions with movies that the champion does not know; they wait for the next `train`."""
    warnings: list[str]
    """What was left undone after the run became current."""


def score(
    warehouse: Warehouse, tracking: Tracking, live: Live, options: ScoreOptions, phases: Phases
) -> ScoreReport:
    """Publish a fresh top-N for every user now in the mart under the factors of what is live.

    Users whose interactions are those of the training keep their row of W; for users who came or
    changed since, a row is folded in: W is fitted to their interactions with H held fixed.

    Raises
    ------
    UserError
        If nothing of this data set is live, the mart cannot be read, or ``options.top`` does not
        fit the model's movies. Nothing is published then.
    RefusedError
        If the mart has lost more than ``options.max_shrink`` since the current run was made.
    ChangedMeanwhileError
        If another run became current since.
    """
    model, top = load_live(tracking, live), options.top
    settings, movie_ids = model.record.summary.settings, model.record.movie_ids
    require_top(top, movie_ids.size)
    with phases.phase("read") as bar:
        interactions = read_interactions(warehouse, [settings.watched_weight], bar)
    recommendable = read_recommendable(warehouse, movie_ids)
    variety = read_variety(warehouse, movie_ids, settings.diversity)
    run = TrainingRun(
        run_id=uuid4().hex,
        mlflow_run_id=model.version.run_id,
        model_name=model.version.name,
        model_version=model.version.number,
        dataset_id=live.dataset.id,
        dataset_label=live.dataset.label,
        users=interactions.user_ids.size,
        movies=interactions.movie_ids.size,
        interactions=interactions.matrix.nnz,
        recommendations=0,
        params={
            **model.record.summary.params,
            "made_by": f"score v{model.version.number}",
            "top": str(top),
        },
        metrics=model.record.summary.metrics,
        dbt_invocation_id=interactions.stamp.dbt_invocation_id,
        git_commit=git_commit(warehouse.project.directory),
    )
    require_size(warehouse, run, live, options.max_shrink)
    with phases.phase("fold in"):
        factors = user_factors(interactions, model, settings)
    ranked = Ranked(
        W=factors.W,
        H=model.record.H,
        matrix=factors.matrix,
        user_ids=interactions.user_ids,
        movie_ids=movie_ids,
        folded_in=factors.folded_in,
        cold_users=cold_users(warehouse),
        popularity=lambda: popularity_of(factors.matrix),
        top=top,
        past=factors.past,
        recommendable=recommendable,
        variety=variety,
        new=read_new_movies(warehouse, movie_ids, model.record.H, settings.new_share),
    )
    with phases.phase("publish", total=interactions.user_ids.size) as bar:
        run = place_rows(warehouse, run, tables_of(ranked, live.dataset, phases, bar))
    folded_in = int(np.count_nonzero(factors.folded_in))
    warnings = go_live(warehouse, tracking, run, live, options.keep)
    return ScoreReport(
        run=run,
        known=interactions.user_ids.size - folded_in,
        folded_in=folded_in,
        unknown_interactions=interactions.matrix.nnz - factors.matrix.nnz,
        warnings=warnings,
    )


def require_size(warehouse: Warehouse, run: TrainingRun, live: Live, max_shrink: float) -> None:
    """Refuse a mart that is much smaller than the one that the current run was made from.

    Raises
    ------
    RefusedError
        If it is. That it was refused is kept.
    """
    if live.run is None:
        return
    before = Size(live.run.users, live.run.movies, live.run.interactions)
    reasons = shrunk(before, Size(run.users, run.movies, run.interactions), max_shrink)
    if reasons:
        verdict = Verdict(tuple(reasons))
        warnings = record_refusal(warehouse, run, "score", verdict.reasons)
        raise refusal(verdict, "A fresh scoring", "`score --max-shrink 1`", warnings)
