"""Fresh lists for everybody now in the mart, with the champion's factors and without a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from python_jobs.factorization import fold_in
from python_jobs.fingerprints import user_fingerprints
from python_jobs.gate import Size, Verdict, refusal, shrunk
from python_jobs.interactions import Interactions, read_interactions
from python_jobs.jobs.going_live import Live, go_live, load_live
from python_jobs.jobs.recording import git_commit, size_of
from python_jobs.limits import Limits
from python_jobs.progress import Phases
from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.publish import place_rows
from python_jobs.publishing.rows import Ranked, cold_users, popularity_of, require_top, tables_of
from python_jobs.settings import Settings
from python_jobs.tracking.registry import RegisteredModel
from python_jobs.tracking.store import Tracking
from python_jobs.warehouse import Warehouse
from python_jobs.weighting import weighed_by


@dataclass(frozen=True)
class ScoreOptions:
    """What one scoring is asked to do."""

    top: int = 20
    """Recommendations per user."""
    keep: int = 5
    """Model versions whose lists are kept for rollbacks, the current one included."""
    max_shrink: float = Limits.max_shrink
    """Share of the current run's users, movies or interactions that the mart may have lost."""


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
        If nothing is live, the mart cannot be read, or ``options.top`` does not fit the model's
        movies. Nothing is published then.
    RefusedError
        If the mart has lost more than ``options.max_shrink`` since the current run was made.
    ChangedMeanwhileError
        If another run became current since.
    """
    model, top = load_live(tracking, live), options.top
    with phases.phase("read") as bar:
        settings = model.record.summary.settings
        interactions = read_interactions(warehouse, settings.watched_weight, bar)
    movie_ids = model.record.movie_ids
    require_top(top, movie_ids.size)
    require_size(live, interactions, options.max_shrink)
    with phases.phase("fold in"):
        fingerprints = user_fingerprints(interactions)
        known_movies = aligned(weighed_by(interactions, settings), movie_ids)
        W, folded = user_factors(known_movies, fingerprints, model, settings)
    ranked = Ranked(
        W=W,
        H=model.record.H,
        matrix=known_movies.matrix,
        user_ids=known_movies.user_ids,
        movie_ids=movie_ids,
        folded_in=folded,
        cold_users=cold_users(warehouse),
        popularity=popularity_of(known_movies.matrix),
        top=top,
    )
    run = TrainingRun(
        run_id=uuid4().hex,
        mlflow_run_id=model.version.run_id,
        model_name=model.version.name,
        model_version=model.version.number,
        users=interactions.user_ids.size,
        movies=interactions.movie_ids.size,
        interactions=interactions.matrix.nnz,
        recommendations=0,
        params={**model.record.summary.params, "top": str(top)},
        metrics=model.record.summary.metrics,
        dbt_invocation_id=interactions.dbt_invocation_id,
        git_commit=git_commit(warehouse.project.directory),
    )
    with phases.phase("publish", total=W.shape[0]) as bar:
        run = place_rows(warehouse, run, tables_of(ranked, phases, bar))
    warnings = go_live(warehouse, tracking, run, live, options.keep)
    return ScoreReport(
        run=run,
        warnings=warnings,
        known=int(np.count_nonzero(~folded)),
        folded_in=int(np.count_nonzero(folded)),
        unknown_interactions=interactions.matrix.nnz - known_movies.matrix.nnz,
    )


def require_size(live: Live, interactions: Interactions, max_shrink: float) -> None:
    """Refuse a mart that is much smaller than the one that the current run was made from.

    Raises
    ------
    RefusedError
        If it is.
    """
    if live.run is None:
        return
    before = Size(live.run.users, live.run.movies, live.run.interactions)
    reasons = shrunk(before, size_of(interactions), max_shrink)
    if reasons:
        raise refusal(Verdict(tuple(reasons)), "A fresh scoring", "`score --max-shrink 1`")


def aligned(interactions: Interactions, movie_ids: NDArray[np.uint64]) -> Interactions:
    """Return the interactions with the given movies as columns; those with others are left out."""
    from scipy.sparse import csr_matrix

    matrix = interactions.matrix
    column = np.searchsorted(movie_ids, interactions.movie_ids)
    known = np.isin(interactions.movie_ids, movie_ids)
    if known.all() and movie_ids.size == interactions.movie_ids.size:
        return interactions
    cells = known[matrix.indices]
    ends = np.concatenate(([0], np.cumsum(cells)))[matrix.indptr]
    kept = csr_matrix(
        (matrix.data[cells], column[matrix.indices[cells]].astype(np.int32), ends),
        shape=(matrix.shape[0], movie_ids.size),
    )
    return replace(
        interactions,
        matrix=kept,
        movie_ids=movie_ids,
        last_interacted_at=interactions.last_interacted_at[cells],
    )


def user_factors(
    interactions: Interactions,
    fingerprints: NDArray[np.uint64],
    model: RegisteredModel,
    settings: Settings,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a row of W for each user, and which of them were folded in.

    Parameters
    ----------
    interactions
        What users have done by now, with the model's movies as columns.
    fingerprints
        Of everything they have done by now.
    model, settings
        The model, and the settings it was fitted with.
    """
    user_ids = model.record.user_ids
    row = np.minimum(np.searchsorted(user_ids, interactions.user_ids), user_ids.size - 1)
    unchanged = (user_ids[row] == interactions.user_ids) & (
        model.record.fingerprints[row] == fingerprints
    )
    W = np.ascontiguousarray(model.record.W[row])
    if not unchanged.all():
        W[~unchanged] = fold_in(interactions.matrix[~unchanged], model.record.H, settings)
    return W, ~unchanged
