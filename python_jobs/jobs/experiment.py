"""An experiment: two models' lists in one publication, the challenger's for a share of the users.

The run that publishes it is the champion's, so that everything which follows what is live (MLflow's
alias, the gate, `score`, a rollback) goes on as if there were none. Its ``params`` say which
experiment it is, and ``ml.recommendations.arm`` whose list a user has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError
from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.dataset import Dataset
from python_jobs.interactions.users import cold_users
from python_jobs.jobs.lists_of_model import rank_with, run_of_model
from python_jobs.jobs.live import Live, load_live
from python_jobs.jobs.options import Experiment
from python_jobs.progress import Bar, Phases
from python_jobs.publishing.arms import (
    CHALLENGER_ARM,
    CHAMPION_ARM,
    balance,
    gets_challenger,
    require_balance,
)
from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.rows import Ranked, recommendations, tables_of
from python_jobs.publishing.staging import Columns
from python_jobs.tracking.registry import RegisteredModel, find_version, load_model
from python_jobs.tracking.store import Tracking
from python_jobs.warehouse.connection import Warehouse

NAME, SHARE, VERSION, RUN = (
    "experiment",
    "experiment_share",
    "challenger_version",
    "challenger_run_id",
)
"""What an experiment's publication says of it, in its ``params``."""
NAMES = 20
"""Names that are tried where none was given."""


@dataclass(frozen=True)
class Running:
    """An experiment that is live."""

    experiment: Experiment
    version: str
    run_id: str
    """The challenger's version and MLflow run."""

    def params(self) -> dict[str, str]:
        """Return it as a run's params."""
        told = self.experiment
        # Every digit: rounded, some users would be in the other arm from the next `score` on.
        return {NAME: told.name, SHARE: repr(told.share), VERSION: self.version, RUN: self.run_id}


def running(run: TrainingRun | None) -> Running | None:
    """Return the experiment that a publication is; None where it is none."""
    if run is None or NAME not in run.params:
        return None
    params = run.params
    told = Experiment(float(params[SHARE]), params[NAME])
    return Running(told, params[VERSION], params[RUN])


def challenger_of(tracking: Tracking, run: TrainingRun, found: Running) -> RegisteredModel:
    """Return the challenger of an experiment that a run published.

    Raises
    ------
    UserError
        If the MLflow store does not have it any more.
    """
    version = find_version(tracking, run.model_name, found.version)
    if version is None or version.run_id != found.run_id:
        raise UserError(
            f"The challenger of the experiment {found.experiment.name!r}, version {found.version} "
            f"of {run.model_name}, is not in the MLflow store at {tracking.shown_uri}.",
            "Check MLFLOW_TRACKING_URI; `python_jobs promote champion` ends the experiment without "
            "it.",
        )
    return load_model(version)


def model_for(tracking: Tracking, live: Live, user_id: int) -> RegisteredModel:
    """Return the model whose list a user has: in the challenger's arm of an experiment, its own.

    Raises
    ------
    UserError
        If nothing of this data set is live, or the model cannot be read.
    """
    found = running(live.ours)
    if live.ours and found:
        told, user = found.experiment, np.array([user_id], np.uint64)
        if gets_challenger(user, told.name, told.share)[0]:
            return challenger_of(tracking, live.ours, found)
    return load_live(tracking, live)


def settled(warehouse: Warehouse, interactions: Interactions, experiment: Experiment) -> Experiment:
    """Return the experiment with its name; its arms are alike.

    Raises
    ------
    UserError
        If they are not, and the name is not for this function to choose.
    """
    cold = cold_users(warehouse)
    user_ids = np.concatenate([interactions.user_ids, cold])
    done = np.diff(interactions.matrix.indptr).astype(np.int64)
    activity = np.concatenate([done, np.zeros(cold.size, np.int64)])
    for last in (False,) * (NAMES - 1) + (True,):
        name = experiment.name or uuid4().hex[:8]
        try:
            require_balance(balance(user_ids, activity, name, experiment.share), name)
        except UserError:
            if experiment.name or last:
                raise
        else:
            break
    return replace(experiment, name=name)


def begun(
    warehouse: Warehouse,
    live: Live,
    champion: RegisteredModel,
    challenger: TrainingRun,
    interactions: Interactions,
    ranked: Ranked,
    experiment: Experiment,
    phases: Phases,
    bar: Bar,
) -> tuple[TrainingRun, dict[str, Iterable[Columns]]]:
    """Return the publication that begins an experiment, and its tables.

    Parameters
    ----------
    warehouse, live, champion
        Where it goes live, and what is live.
    challenger, ranked
        The run that was trained, and what its lists are made from.
    interactions
        What it was trained on, with the scores that the champion's settings want.
    experiment
        The experiment, with its name.
    phases, bar
        Where progress is shown.
    """
    settings = champion.record.summary.settings
    theirs = interactions.under(settings.watched_weight)
    made_by = f"v{champion.version.number} against v{challenger.model_version}"
    run = run_of_model(warehouse, champion, theirs, live, ranked.top, made_by)
    found = Running(experiment, challenger.model_version, challenger.mlflow_run_id)
    run = replace(run, params={**run.params, **found.params()})
    champions, _ = rank_with(warehouse, champion, theirs, ranked.top)
    return run, tables_of_both(champions, ranked, experiment, live.dataset, phases, bar)


def tables_of_both(
    champion: Ranked,
    challenger: Ranked,
    experiment: Experiment,
    dataset: Dataset,
    phases: Phases,
    bar: Bar,
) -> dict[str, Iterable[Columns]]:
    """Return the champion's tables, with the lists of each arm's model in them."""
    return {
        **tables_of(champion, dataset, phases, bar),
        "recommendations": _lists(champion, challenger, experiment, phases, bar),
    }


def _lists(
    champion: Ranked, challenger: Ranked, experiment: Experiment, phases: Phases, bar: Bar
) -> Iterator[Columns]:
    for arm, ranked in ((CHAMPION_ARM, champion), (CHALLENGER_ARM, challenger)):
        for block in recommendations(_of_arm(ranked, arm, experiment), phases, bar):
            yield {**block, "arm": [arm] * len(block["user_id"])}


def _of_arm(ranked: Ranked, arm: str, experiment: Experiment) -> Ranked:
    """Return what the lists of an arm's users alone are made from."""

    def chosen(user_ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
        challengers = gets_challenger(user_ids, experiment.name, experiment.share)
        return challengers if arm == CHALLENGER_ARM else ~challengers

    rows = np.flatnonzero(chosen(ranked.user_ids))
    past = ranked.past
    return replace(
        ranked,
        W=np.ascontiguousarray(ranked.W[rows]),
        matrix=ranked.matrix[rows],
        user_ids=ranked.user_ids[rows],
        folded_in=ranked.folded_in[rows],
        cold_users=ranked.cold_users[chosen(ranked.cold_users)],
        past=replace(past, latest=past.latest[rows]) if past else None,
    )
