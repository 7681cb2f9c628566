"""The tune job: search settings under MLflow, and register the best as challenger."""

from __future__ import annotations

from dataclasses import dataclass, replace

from python_jobs.evaluation.assessment import Assessment, assess, evaluate_settings
from python_jobs.evaluation.holdout import Holdout, Protocol, hold_out
from python_jobs.evaluation.list_metrics import Evaluation
from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.dataset import Dataset
from python_jobs.interactions.genres import read_genres
from python_jobs.interactions.mart import read_interactions
from python_jobs.jobs.naming import fit_params, tune_name
from python_jobs.jobs.one_process import InMemory
from python_jobs.jobs.options import Origin
from python_jobs.jobs.pictures import log_run_pictures
from python_jobs.jobs.recording import fit_metrics, log_run, run_tags
from python_jobs.model.settings import Settings
from python_jobs.progress import NO_BAR, Bar, Phases
from python_jobs.publishing.history import TrainingRun
from python_jobs.threads import thread_count
from python_jobs.tracking.registry import CHALLENGER, set_alias
from python_jobs.tracking.store import Tracking, log_trial, tracked_run, trials_experiment
from python_jobs.tuning.judging import Trial
from python_jobs.tuning.search import Search, search
from python_jobs.warehouse.connection import Warehouse

WATCHED_WEIGHTS = (None, 0.5, 2.0, 4.0)
"""What is tried for ``Settings.watched_weight``, where there are both ratings and watch events."""


@dataclass(frozen=True)
class TuneReport:
    """What was tried, and what the best was worth on what the search never saw."""

    found: Search
    started_with: Evaluation
    """The settings that the search began with, on the held-out part."""
    assessment: Assessment
    """The best settings and the baselines, on the same."""
    run: TrainingRun
    """The registered challenger; it is not published."""


def tune(
    warehouse: Warehouse,
    tracking: Tracking,
    dataset: Dataset,
    start: Settings,
    origin: Origin,
    protocol: Protocol,
    minutes: float,
    phases: Phases,
) -> TuneReport:
    """Search settings for some minutes, and register the best, fitted on everything.

    The holdout is split off first. The search splits the rest again for its validations; the
    holdout is looked at once, at the end.

    Raises
    ------
    UserError
        If the mart cannot be read, or is too small to be split.
    """
    with phases.phase("read") as bar:
        read = read_to_try(warehouse, start, bar)
    holdouts = {weight: split(interactions, protocol) for weight, interactions in read.items()}
    tags = run_tags(warehouse, read[start.watched_weight].stamp, dataset)
    # Not beside the runs whose figures are of what no search has seen.
    trials = trials_experiment(tracking)
    name = tune_name(origin)
    with tracked_run(tracking, name, tags) as run_id:
        with phases.phase("search", total=round(minutes * 60)) as bar:

            def on_trial(trial: Trial) -> None:
                params = fit_params(trial.settings, read[trial.settings.watched_weight].stamp)
                params["pruned"] = trial.pruned
                log_trial(trials, f"trial {trial.number}", params, trial.ndcg, tags)
                bar.advance(round(trial.seconds / thread_count()))

            found = search(
                {weight: holdout.train for weight, holdout in holdouts.items()},
                holdouts[start.watched_weight].train_timestamps,
                protocol,
                minutes,
                # What fits best does not depend on how its movies are listed.
                start=replace(start, diversity=0.0, new_share=0.0),
                on_trial=on_trial,
            )
        best = replace(found.best.settings, diversity=start.diversity, new_share=start.new_share)
        with phases.phase("evaluate"):
            genres = read_genres(warehouse, read[best.watched_weight].movie_ids)
            started_with = evaluate_settings(start, holdouts[start.watched_weight], genres)
            assessment = assess(holdouts[best.watched_weight], best, genres)
        with phases.phase("fit") as bar:
            interactions = read[best.watched_weight]
            fitted = InMemory(interactions).fit(best, bar)
        with phases.phase("log"):
            metrics = fit_metrics(fitted.distance(), fitted.model, assessment, protocol)
            asked = {"made_by": name, "protocol": protocol}
            run = log_run(
                tracking,
                run_id,
                interactions.extent,
                dataset,
                fitted.model,
                best,
                asked,
                metrics,
                tags,
            )
            H = fitted.model.H
            log_run_pictures(warehouse, tracking, interactions.movie_ids, H, assessment)
        set_alias(tracking, tracking.model_name, CHALLENGER, run.model_version)
    return TuneReport(found, started_with, assessment, run)


def split(interactions: Interactions, protocol: Protocol) -> Holdout:
    """Hold the same cells out of interactions, however their scores are weighed."""
    return hold_out(interactions.matrix, interactions.last_interacted_at, protocol)


def read_to_try(
    warehouse: Warehouse, start: Settings, bar: Bar = NO_BAR
) -> dict[float | None, Interactions]:
    """Read the mart once, under each ``Settings.watched_weight`` that can make a difference in it.

    Which these are is asked before. Of a mart that is rebuilt in between, a weight that makes none
    may be tried, or one that would make one left out; the search is as sound with either.
    """
    rated, watched = warehouse.client.query(
        f"select countIf(rating is not null), countIf(watch_count > 0) from {warehouse.mart}"
    ).result_rows[0]
    others = WATCHED_WEIGHTS if rated and watched else ()
    interactions = read_interactions(warehouse, [start.watched_weight, *others], bar)
    return {weight: interactions.under(weight) for weight in interactions.scores}
