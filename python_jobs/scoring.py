"""Fresh lists for everybody now in the mart, with the champion's factors and without a fit."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import numpy as np

from python_jobs.interactions import read_interactions
from python_jobs.popularity import popularity_of
from python_jobs.progress import Phases
from python_jobs.publishing import TrainingRun, publish
from python_jobs.registry import RegisteredModel
from python_jobs.run_tables import Ranked, cold_users, tables_of
from python_jobs.settings import Settings
from python_jobs.training import git_commit, require_top
from python_jobs.user_factors import user_factors
from python_jobs.warehouse import Warehouse


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


def score(
    warehouse: Warehouse, model: RegisteredModel, top: int, keep: int, phases: Phases
) -> ScoreReport:
    """Publish a fresh top-N for every user now in the mart under a model's factors.

    Users whose interactions are those of the training keep their row of W; for users who came or
    changed since, a row is folded in: W is fitted to their interactions with H held fixed.

    Raises
    ------
    UserError
        If the mart cannot be read, or ``top`` does not fit the model's movies.
    """
    settings = Settings.from_mapping(model.record.metadata["settings"])
    movie_ids = np.asarray(model.record.metadata["movie_ids"], np.uint64)
    require_top(top, movie_ids.size)
    with phases.phase("read") as bar:
        interactions = read_interactions(warehouse, [settings.watched_weight], bar)
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
    )
    run = TrainingRun(
        run_id=uuid4().hex,
        model_name=model.name,
        model_version=model.version,
        users=interactions.user_ids.size,
        movies=interactions.movie_ids.size,
        interactions=interactions.matrix.nnz,
        recommendations=0,
        params={
            **model.record.metadata["params"],
            "top": str(top),
            "scored_with_run": model.run_id,
        },
        metrics=model.record.metadata["metrics"],
        dbt_invocation_id=interactions.dbt_invocation_id,
        git_commit=git_commit(warehouse.project.directory),
    )
    with phases.phase("publish", total=interactions.user_ids.size) as bar:
        run = publish(warehouse, run, tables_of(ranked, phases, bar), keep)
    folded_in = int(np.count_nonzero(factors.folded_in))
    return ScoreReport(
        run=run,
        known=interactions.user_ids.size - folded_in,
        folded_in=folded_in,
        unknown_interactions=interactions.matrix.nnz - factors.matrix.nnz,
    )
