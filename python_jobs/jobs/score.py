"""Fresh lists for everybody now in the mart, with the champion's factors and without a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from python_jobs.evaluation.gate import Verdict, refusal, shrunk
from python_jobs.interactions.mart import read_interactions
from python_jobs.interactions.recommendable import short_lists
from python_jobs.jobs.experiment import Running, challenger_of, running, tables_of_both
from python_jobs.jobs.going_live import go_live
from python_jobs.jobs.lists_of_model import rank_with, run_of_model
from python_jobs.jobs.live import Live, load_live
from python_jobs.jobs.options import ScoreOptions
from python_jobs.jobs.recording import size_of_run
from python_jobs.progress import Phases
from python_jobs.publishing.arms import CHALLENGER_ARM, CHAMPION_ARM
from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.publish import place_rows
from python_jobs.publishing.refusals import record_refusal
from python_jobs.publishing.rows import require_top, tables_of
from python_jobs.tracking.registry import RegisteredModel
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
    short_lists: int
    """Users with interactions for whom there are fewer movies than a list is long."""
    warnings: list[str]
    """What was left undone after the run became current."""
    experiment: Running | None = None
    """The experiment that goes on; None where there is none."""


def score(
    warehouse: Warehouse, tracking: Tracking, live: Live, options: ScoreOptions, phases: Phases
) -> ScoreReport:
    """Publish a fresh top-N for every user now in the mart under the factors of what is live.

    Users whose interactions are those of the training keep their row of W; for users who came or
    changed since, a row is folded in: W is fitted to their interactions with H held fixed. An
    experiment goes on, each arm with fresh lists of its own model, unless ``options.arm`` ends it.

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
    model, challenger = models_of(tracking, live, options.arm)
    found, top = running(live.ours) if challenger else None, options.top
    models = [model, challenger] if challenger else [model]
    for each in models:
        require_top(top, each.record.movie_ids.size)
    weights = [each.record.summary.settings.watched_weight for each in models]
    with phases.phase("read") as bar:
        interactions = read_interactions(warehouse, weights, bar)
    made_by = f"{'promote' if options.arm else 'score'} v{model.version.number}"
    run = run_of_model(warehouse, model, interactions, live, top, made_by)
    if found:
        run = replace(run, params={**run.params, **found.params()})
    require_size(warehouse, run, live, options)
    with phases.phase("fold in"):
        ranked, factors = rank_with(warehouse, model, interactions, top)
        if challenger:
            theirs = interactions.under(weights[1])
            other, _ = rank_with(warehouse, challenger, theirs, top)
        served = replace(interactions, matrix=ranked.matrix)
        short = short_lists(served, ranked.recommendable, top)
    with phases.phase("publish", total=interactions.user_ids.size) as bar:
        if challenger and found:
            tables = tables_of_both(ranked, other, found.experiment, live.dataset, phases, bar)
        else:
            tables = tables_of(ranked, live.dataset, phases, bar)
        run = place_rows(warehouse, run, tables)
    folded_in = int(np.count_nonzero(factors.folded_in))
    warnings = go_live(warehouse, tracking, run, live, options.keep)
    return ScoreReport(
        run=run,
        known=interactions.user_ids.size - folded_in,
        folded_in=folded_in,
        unknown_interactions=interactions.matrix.nnz - factors.matrix.nnz,
        short_lists=short,
        warnings=warnings,
        experiment=found,
    )


def models_of(
    tracking: Tracking, live: Live, arm: str
) -> tuple[RegisteredModel, RegisteredModel | None]:
    """Return the model to score with, and the challenger of an experiment that goes on.

    Raises
    ------
    UserError
        If nothing of this data set is live, or a model cannot be read.
    """
    found = running(live.ours)
    if live.ours is None or found is None or arm == CHAMPION_ARM:
        return load_live(tracking, live), None
    challenger = challenger_of(tracking, live.ours, found)
    if arm == CHALLENGER_ARM:
        return challenger, None
    return load_live(tracking, live), challenger


def require_size(warehouse: Warehouse, run: TrainingRun, live: Live, options: ScoreOptions) -> None:
    """Refuse a mart, or a catalogue, that is much smaller than what the current run was made from.

    Raises
    ------
    RefusedError
        If it is. That it was refused is kept.
    """
    if live.run is None:
        return
    reasons = shrunk(size_of_run(live.run), size_of_run(run), options.max_shrink)
    if reasons:
        verdict = Verdict(tuple(reasons))
        warnings = record_refusal(warehouse, run, "score", verdict.reasons)
        command = f"promote {options.arm}" if options.arm else "score"
        raise refusal(verdict, "A fresh scoring", f"`{command} --max-shrink 1`", warnings)
