"""The train job: from the mart to the published lists."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from python_jobs.errors import UserError
from python_jobs.evaluation.assessment import Assessment
from python_jobs.evaluation.gate import Champion, Size, Verdict, judge, judge_unmeasured
from python_jobs.interactions.genres import read_genres
from python_jobs.interactions.recommendable import count_recommendable, read_recommendable
from python_jobs.interactions.users import cold_users
from python_jobs.jobs.experiment import Running, begun, running, settled
from python_jobs.jobs.going_live import go_live
from python_jobs.jobs.live import Live, load_live, version_of
from python_jobs.jobs.naming import train_name
from python_jobs.jobs.new_movies import read_new_movies
from python_jobs.jobs.one_process import OneProcess
from python_jobs.jobs.options import TrainOptions
from python_jobs.jobs.pictures import log_run_pictures
from python_jobs.jobs.recording import SHOWN, fit_metrics, log_run, run_tags, size_of_run
from python_jobs.jobs.warm_start import find_start
from python_jobs.model.warm_start import MovieFactors
from python_jobs.progress import NO_BAR
from python_jobs.publishing.history import TrainingRun
from python_jobs.publishing.publish import place_rows
from python_jobs.publishing.refusals import record_refusal
from python_jobs.publishing.rows import ListRules, require_top
from python_jobs.publishing.staging import Tables
from python_jobs.ranking.variety import Variety
from python_jobs.tracking.kept_files import require_unfinished
from python_jobs.tracking.registry import load_summary
from python_jobs.tracking.store import log_metrics, tracked_run

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.interactions.columns import Extent
    from python_jobs.jobs.engine import Engine, Learning
    from python_jobs.model.warm_start import Start
    from python_jobs.progress import Bar, Phases
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
    warehouse: Warehouse,
    tracking: Tracking,
    live: Live,
    options: TrainOptions,
    phases: Phases,
    engine: Engine | None = None,
) -> TrainReport:
    """Evaluate, train on the mart, log and register the model, and publish every user's top-N.

    A model that the gate refuses is logged, registered and not published; MLflow's aliases and
    what readers see stay as they are then, as they do without ``options.publish``. In an experiment
    the champion stays the champion, and its model's lists go to all but a share of the users.

    ``engine`` does the work that grows with the users; this process by default.

    Raises
    ------
    UserError
        If the mart cannot be trained on, ``options.top`` does not fit it, the engine cannot do what
        is asked for, or the champion cannot be read and ``options.force`` does not say to do
        without. Nothing is published then.
    ChangedMeanwhileError
        If another run became current since. Nothing is published then either.
    """
    engine = engine or OneProcess(warehouse)
    beside = load_live(tracking, live) if options.experiment else None
    experiment = None
    champion = champion_of(tracking, live.ours, optional=options.force)
    theirs = champion.settings if champion and options.evaluate else None
    engine.require(
        options.settings,
        theirs,
        experiment=bool(options.experiment),
        warm_start=options.warm_start,
    )
    with phases.phase("read") as bar:
        compared = (options.settings, champion.settings) if champion else (options.settings,)
        learning = engine.read([settings.watched_weight for settings in compared], bar)
    extent = learning.extent
    require_top(options.top, extent.movie_ids.size)
    start = find_start(tracking, live, options.settings, extent) if options.warm_start else None
    recommendable = read_recommendable(warehouse, extent.movie_ids)
    shown = count_recommendable(warehouse)
    if beside and options.experiment:
        require_top(options.top, beside.record.movie_ids.size)
        experiment = settled(warehouse, learning.whole(), options.experiment)
    compared_with = gate_words(live, champion)
    tags = {
        **run_tags(warehouse, extent.stamp, live.dataset),
        "forced": str(options.force).lower(),
        "compared_with": compared_with,
        **({"experiment": experiment.name} if experiment else {}),
    }
    name = train_name(options.settings, options.origin, extent.shape)
    if start and start.fit:
        name += ", warm"
    if options.resume:
        name = require_unfinished(tracking, options.resume)
    with tracked_run(tracking, name, tags, options.resume) as run_id:
        learning = learning.within(run_id)
        with phases.phase("evaluate") as bar:
            genres = read_genres(warehouse, extent.movie_ids)
            assessment, verdict = assess_and_judge(
                champion, learning, options, genres, shown, start.judged if start else None, bar
            )
        with phases.phase("fit") as bar:
            trained = learning.fit(options.settings, bar, start.fit if start else None)
        model = trained.model
        with phases.phase("metrics"):
            metrics = fit_metrics(trained.distance(), model, assessment, "temporal")
            metrics |= verdict.metrics()
        with phases.phase("log"):
            asked = {"made_by": name, "protocol": "temporal", "top": options.top, SHOWN: shown}
            asked |= asdict(options.limits)
            if start:
                asked["warm_start"] = start.words
            run = log_run(
                tracking,
                run_id,
                extent,
                live.dataset,
                model,
                options.settings,
                asked,
                metrics,
                tags,
                judged_factors(extent, assessment),
            )
            log_run_pictures(warehouse, tracking, extent.movie_ids, model.H, assessment)
        goes_live = options.publish and (verdict.passed or options.force)
        published = run
        if goes_live:
            rules = ListRules(
                top=options.top,
                recommendable=recommendable,
                variety=Variety.of(options.settings.diversity, genres),
                new=read_new_movies(
                    warehouse, extent.movie_ids, model.H, options.settings.new_share
                ),
                cold_users=cold_users(warehouse),
            )
            with phases.phase("publish", total=extent.users) as bar:
                tables: Tables
                if beside and experiment:
                    whole, ranked = learning.whole(), trained.ranked(rules)
                    published, tables = begun(
                        warehouse, live, beside, run, whole, ranked, experiment, phases, bar
                    )
                else:
                    tables = trained.tables(run_id, rules, live.dataset, phases, bar)
                published = place_rows(warehouse, published, tables)
        # The last that is asked of an engine, which may be gone: before anything is live.
        short = learning.short_lists(recommendable, options.top)
        log_metrics(phases.metrics())
    warnings = []
    if goes_live:
        warnings = go_live(warehouse, tracking, published, live, options.keep)
    elif options.publish:
        warnings = record_refusal(warehouse, run, "train", verdict.reasons)
    warnings += learning.ended()
    return TrainReport(
        run=run if experiment else published,
        learned_from=str(extent.stamp),
        published=published if goes_live else None,
        assessment=assessment,
        verdict=verdict,
        compared_with=compared_with,
        short_lists=short,
        experiment=running(published) if goes_live else None,
        ended=running(live.run) if goes_live else None,
        warnings=warnings,
    )


def judged_factors(extent: Extent, assessment: Assessment | None) -> MovieFactors | None:
    """Return the movie factors that were judged, for a run that starts from this one."""
    if assessment is None or assessment.H is None:
        return None
    return MovieFactors(extent.movie_ids, assessment.H, assessment.P)


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
    learning: Learning,
    options: TrainOptions,
    genres: csr_matrix | None = None,
    shown: int | None = None,
    start: Start | None = None,
    bar: Bar = NO_BAR,
) -> tuple[Assessment | None, Verdict]:
    """Judge the settings on a temporal holdout, beside the baselines and the champion.

    ``shown`` is how many movies may be shown to somebody, ``start`` what the judged fit goes on
    from, and ``bar`` what an engine advances that can say how far it is.
    """
    size = Size(*learning.extent.shape, learning.extent.interactions, shown)
    measured = None
    if options.evaluate:
        theirs = champion.settings if champion else None
        measured = learning.assess(options.settings, theirs, genres, bar, start)
    if measured is None:
        return None, judge_unmeasured(champion, size, options.limits, wanted=options.evaluate)
    return measured.assessment, judge(champion, size, measured, options.limits)
