"""What a model that is there makes of the mart as it is now: lists, and the run that they are."""

from __future__ import annotations

from uuid import uuid4

from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.popularity import popularity_of
from python_jobs.interactions.recommendable import count_recommendable, read_recommendable
from python_jobs.interactions.users import cold_users
from python_jobs.jobs.live import Live
from python_jobs.jobs.new_movies import read_new_movies
from python_jobs.jobs.recording import SHOWN, git_commit
from python_jobs.jobs.user_factors import UserFactors, user_factors
from python_jobs.jobs.variety import read_variety
from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.rows import Ranked
from python_jobs.tracking.registry import RegisteredModel
from python_jobs.warehouse.connection import Warehouse


def run_of_model(
    warehouse: Warehouse,
    model: RegisteredModel,
    interactions: Interactions,
    live: Live,
    top: int,
    made_by: str,
) -> TrainingRun:
    """Return the run that publishes lists of a model without training it."""
    return TrainingRun(
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
            "made_by": made_by,
            "top": str(top),
            SHOWN: str(count_recommendable(warehouse)),
        },
        metrics=model.record.summary.metrics,
        dbt_invocation_id=interactions.stamp.dbt_invocation_id,
        git_commit=git_commit(warehouse.project.directory),
    )


def rank_with(
    warehouse: Warehouse, model: RegisteredModel, interactions: Interactions, top: int
) -> tuple[Ranked, UserFactors]:
    """Return what everyone's list under a model is made from, and how their factors were come by.

    Parameters
    ----------
    warehouse
        Where the users are who have no interactions.
    model
        The model.
    interactions
        All that the users have done by now, under the weight of the model's settings.
    top
        Length of the lists.
    """
    settings, movie_ids = model.record.summary.settings, model.record.movie_ids
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
        recommendable=read_recommendable(warehouse, movie_ids),
        variety=read_variety(warehouse, movie_ids, settings.diversity),
        new=read_new_movies(warehouse, movie_ids, model.record.H, settings.new_share),
    )
    return ranked, factors
