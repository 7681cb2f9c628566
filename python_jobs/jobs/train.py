"""The train job: from the mart to the published lists."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import Assessment, assess
from python_jobs.evaluation.gate import Champion, Size, Verdict, judge, judge_unmeasured
from python_jobs.evaluation.holdout import Holdout, TooFewInteractionsError, hold_out
from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.genres import read_genres
from python_jobs.interactions.mart import read_interactions
from python_jobs.interactions.popularity import popularity_of
from python_jobs.interactions.recommendable import (
    Recommendable,
    count_recommendable,
    read_recommendable,
)
from python_jobs.interactions.users import cold_users
from python_jobs.jobs.experiment import Running, begun, running, settled
from python_jobs.jobs.going_live import go_live
from python_jobs.jobs.live import Live, load_live, version_of
from python_jobs.jobs.naming import train_name
from python_jobs.jobs.new_movies import read_new_movies
from python_jobs.jobs.options import TrainOptions
from python_jobs.jobs.pictures import log_run_pictures
from python_jobs.jobs.recording import SHOWN, fit_metrics, log_run, run_tags, size_of_run
from python_jobs.jobs.warm_start import find_start
from python_jobs.model.factorization import Factorization
from python_jobs.model.pasts import latest_pasts
from python_jobs.model.stacked import fit, steps
from python_jobs.model.weighting import weighed_by
from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.new_movies import NewMovies
from python_jobs.publishing.publish import place_rows
from python_jobs.publishing.refusals import record_refusal
from python_jobs.publishing.rows import Ranked, require_top, tables_of
from python_jobs.ranking.explanations import Past
from python_jobs.ranking.variety import Variety
from python_jobs.tracking.registry import load_summary
from python_jobs.tracking.store import log_metrics, tracked_run

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.model.settings import Settings
    from python_jobs.model.warm_start import Start
    from python_jobs.progress import Phases
    from python_jobs.publishing.history import PublishedRun
    from python_jobs.tracking.store import Tracking
    from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class TrainReport:
    """What a run was and what became of it, for the screen."""

    run: TrainingRun
    learned_from: str
    """The mart, and when and from what it was built, in words."""
    published: TrainingRun | None
    """The run as it was published, in an experiment the champion's; None where it was not."""
    assessment: Assessment | None
    """None where it was not evaluated."""
    verdict: Verdict
    compared_with: str
    """What the gate held it against, or why against nothing, in words."""
    short_lists: int
    """Users whose lists are shorter than asked for: they have seen nearly everything that may be
    shown."""
    experiment: Running | None
    """The experiment that began with it."""
    ended: Running | None
    """The experiment that ended with it."""
    warnings: list[str]
    """What was left undone after the run became current, or was refused."""


def train(
    warehouse: Warehouse, tracking: Tracking, live: Live, options: TrainOptions, phases: Phases
) -> TrainReport:
    """Evaluate, train on the mart, log and register the model, and publish every user's top-N.

    A model that the gate refuses is logged, registered and not published; MLflow's aliases and
    what readers see stay as they are then, as they do without ``options.publish``. In an experiment
    the champion stays the champion, and its model's lists go to all but a share of the users.

    Raises
    ------
    UserError
        If the mart cannot be trained on, ``options.top`` does not fit it, or the champion cannot
        be read and ``options.force`` does not say to do without. Nothing is published then.
    ChangedMeanwhileError
        If another run became current since. Nothing is published then either.
    """
    beside = load_live(tracking, live) if options.experiment else None
    experiment = None
    champion = champion_of(tracking, live.ours, optional=options.force)
    with phases.phase("read") as bar:
        compared = (options.settings, champion.settings) if champion else (options.settings,)
        weights = [settings.watched_weight for settings in compared]
        interactions = read_interactions(warehouse, weights, bar)
    require_top(options.top, interactions.movie_ids.size)
    start = None
    if options.warm_start:
        start = find_start(tracking, live, options.settings, interactions)
    recommendable = read_recommendable(warehouse, interactions.movie_ids)
    shown = count_recommendable(warehouse)
    if beside and options.experiment:
        require_top(options.top, beside.record.movie_ids.size)
        experiment = settled(warehouse, interactions, options.experiment)
    compared_with = gate_words(live, champion)
    tags = {
        **run_tags(warehouse, interactions, live.dataset),
        "forced": str(options.force).lower(),
        "compared_with": compared_with,
        **({"experiment": experiment.name} if experiment else {}),
    }
    name = train_name(options.settings, options.origin, interactions.matrix.shape)
    if start and start.fit:
        name += ", warm"
    with tracked_run(tracking, name, tags) as run_id:
        with phases.phase("evaluate"):
            genres = read_genres(warehouse, interactions.movie_ids)
            assessment, verdict = assess_and_judge(
                champion, interactions, options, genres, shown, start.judged if start else None
            )
        begun_at = start.fit if start else None
        with phases.phase("fit", total=steps(options.settings, begun_at)) as bar:
            fitted = fit(
                interactions.matrix,
                interactions.last_interacted_at,
                options.settings,
                bar.advance,
                begun_at,
            )
            weighed = weighed_by(interactions, options.settings)
        with phases.phase("metrics"):
            metrics = fit_metrics(weighed, fitted, assessment, "temporal") | verdict.metrics()
        with phases.phase("log"):
            asked = {"made_by": name, "protocol": "temporal", "top": options.top, SHOWN: shown}
            asked |= asdict(options.limits)
            if start:
                asked["warm_start"] = start.words
            run = log_run(
                tracking,
                run_id,
                interactions,
                live.dataset,
                fitted,
                options.settings,
                asked,
                metrics,
                tags,
                assessment.fitted if assessment else None,
            )
            log_run_pictures(warehouse, tracking, interactions.movie_ids, fitted.H, assessment)
        goes_live = options.publish and (verdict.passed or options.force)
        published = run
        if goes_live:
            past = past_of(interactions, fitted, options.settings)
            variety = Variety.of(options.settings.diversity, genres)
            new = read_new_movies(
                warehouse, weighed.movie_ids, fitted.H, options.settings.new_share
            )
            ranked = rank_for_everyone(
                warehouse, weighed, fitted, past, recommendable, variety, new, options.top
            )
            with phases.phase("publish", total=weighed.user_ids.size) as bar:
                if beside and experiment:
                    published, tables = begun(
                        warehouse, live, beside, run, interactions, ranked, experiment, phases, bar
                    )
                else:
                    tables = tables_of(ranked, live.dataset, phases, bar)
                published = place_rows(warehouse, published, tables)
        log_metrics(phases.metrics())
    warnings = []
    if goes_live:
        warnings = go_live(warehouse, tracking, published, live, options.keep)
    elif options.publish:
        warnings = record_refusal(warehouse, run, "train", verdict.reasons)
    return TrainReport(
        run=run if experiment else published,
        learned_from=str(interactions.stamp),
        published=published if goes_live else None,
        assessment=assessment,
        verdict=verdict,
        compared_with=compared_with,
        short_lists=short_lists(interactions, recommendable, options.top),
        experiment=running(published) if goes_live else None,
        ended=running(live.run) if goes_live else None,
        warnings=warnings,
    )


def champion_of(
    tracking: Tracking, live: PublishedRun | None, *, optional: bool
) -> Champion | None:
    """Return what is live as the gate compares with it; None where nothing is live.

    Raises
    ------
    UserError
        If its model is not in this MLflow store, or its artifacts cannot be read, and it is not
        ``optional``: a gate that cannot compare lets nothing through.
    """
    if live is None:
        return None
    try:
        summary = load_summary(version_of(tracking, live))
    except UserError:
        if optional:
            return None
        raise
    return Champion(
        version=live.model_version,
        settings=summary.settings,
        recorded=summary.metrics.get("ndcg_at_10"),
        size=size_of_run(live),
    )


def gate_words(live: Live, champion: Champion | None) -> str:
    """Return what the gate holds a run against, or why against nothing, in words."""
    if champion:
        return f"version {champion.version}, which is live"
    if live.ours is None:
        return f"nothing, because {live.nothing}"
    return f"nothing: version {live.ours.model_version}, which is live, could not be read"


def assess_and_judge(
    champion: Champion | None,
    interactions: Interactions,
    options: TrainOptions,
    genres: csr_matrix | None = None,
    shown: int | None = None,
    start: Start | None = None,
) -> tuple[Assessment | None, Verdict]:
    """Judge the settings on a temporal holdout, beside the baselines and the champion.

    ``shown`` is how many movies may be shown to somebody, and ``start`` what the judged fit goes on
    from.
    """
    size = Size(*interactions.matrix.shape, interactions.matrix.nnz, shown)
    holdout = split(interactions) if options.evaluate else None
    if holdout is None:
        return None, judge_unmeasured(champion, size, options.limits, wanted=options.evaluate)
    assessment = assess(holdout, options.settings, genres, start)
    if champion and champion.settings.watched_weight != options.settings.watched_weight:
        # The same cells are held out; they only count differently.
        theirs = interactions.under(champion.settings.watched_weight)
        holdout = hold_out(theirs.matrix, theirs.last_interacted_at)
    verdict = judge(champion, size, options.settings, assessment, holdout, options.limits, genres)
    return assessment, verdict


def split(interactions: Interactions) -> Holdout | None:
    """Hold the latest interactions out; None where nobody has enough of them."""
    try:
        return hold_out(interactions.matrix, interactions.last_interacted_at)
    except TooFewInteractionsError:
        return None


def past_of(interactions: Interactions, fitted: Factorization, settings: Settings) -> Past | None:
    """Return what the features of transitions were made from; None where there are none."""
    if fitted.P is None:
        return None
    latest = latest_pasts(interactions.matrix, interactions.last_interacted_at, settings)
    return Past(fitted.P, latest)


def rank_for_everyone(
    warehouse: Warehouse,
    weighed: Interactions,
    fitted: Factorization,
    past: Past | None,
    recommendable: Recommendable | None,
    variety: Variety | None,
    new: NewMovies | None,
    top: int,
) -> Ranked:
    """Return what every user's list is made from, straight after the fit."""
    return Ranked(
        W=fitted.W,
        H=fitted.H,
        matrix=weighed.matrix,
        user_ids=weighed.user_ids,
        movie_ids=weighed.movie_ids,
        folded_in=np.zeros(weighed.user_ids.size, bool),
        cold_users=cold_users(warehouse),
        popularity=lambda: popularity_of(weighed.matrix),
        top=top,
        past=past,
        recommendable=recommendable,
        variety=variety,
        new=new,
    )


def short_lists(interactions: Interactions, recommendable: Recommendable | None, top: int) -> int:
    """Count the users with fewer unseen movies that may be shown than a list is long."""
    matrix = interactions.matrix
    if recommendable is None:
        return int(np.count_nonzero(matrix.shape[1] - np.diff(matrix.indptr) < top))
    kinds = recommendable.kinds_of(interactions.user_ids)
    masks, cells_of = recommendable.masks, np.diff(matrix.indptr)
    # How many cells before each one are of movies that may be shown to its user.
    ends = np.concatenate(([0], np.cumsum(masks[np.repeat(kinds, cells_of), matrix.indices])))
    unseen = masks.sum(axis=1)[kinds] - np.diff(ends[matrix.indptr])
    return int(np.count_nonzero(unseen < top))
