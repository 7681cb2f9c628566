"""Where a training starts that goes on from the factors of what is live."""

from __future__ import annotations

from dataclasses import dataclass, replace

from python_jobs.errors import UserError
from python_jobs.interactions.columns import Extent
from python_jobs.jobs.live import Live, load_live
from python_jobs.model.settings import Settings
from python_jobs.model.told_settings import as_pair
from python_jobs.model.warm_start import MovieFactors, Start
from python_jobs.tracking.record import ModelRecord
from python_jobs.tracking.store import Tracking


@dataclass(frozen=True)
class WarmStart:
    """What a training starts from, and the fit by which it is judged."""

    words: str
    """What it is, for the screen and for MLflow."""
    fit: Start | None = None
    """The factors of what is live; None to start from random numbers."""
    judged: Start | None = None
    """Those of the fit by which it was judged. The factors of what is live have seen what is held
    out now. These have not: what is held out of a user is the latest, and was held out then too or
    not there, unless the user has come back to a movie since, or earlier interactions came late.
    None to judge a fit from random numbers."""


def find_start(tracking: Tracking, live: Live, settings: Settings, extent: Extent) -> WarmStart:
    """Return where a training starts.

    Raises
    ------
    UserError
        If what is live has other settings, or cannot be read.
    """
    if live.ours is None:
        return WarmStart(f"random numbers: {live.nothing}")
    model = load_live(tracking, live)
    record, version = model.record, f"version {model.version.number}"
    require_same(settings, record.summary.settings, version)
    shape = extent.shape
    start = factors_of(record).at(extent.movie_ids)
    if not start.known.any() or not start.fits(settings, shape):
        return WarmStart(f"random numbers: the factors of {version} do not fit the matrix")
    judged = record.judged.at(extent.movie_ids) if record.judged else None
    afresh = f"{version}; judged by a fit from random numbers, as"
    if judged is None or not judged.fits(settings, shape):
        return WarmStart(f"{afresh} it has none that fits", start)
    if extent.interactions < live.ours.interactions:
        # Such as a backup from before: what is the latest now was learned from then.
        return WarmStart(f"{afresh} the mart has lost interactions since", start)
    return WarmStart(version, start, judged)


def factors_of(record: ModelRecord) -> MovieFactors:
    """Return what a model knows of movies."""
    return MovieFactors(record.movie_ids, record.H, record.P)


def require_same(settings: Settings, theirs: Settings, version: str) -> None:
    """Refuse settings that are not those of what is live; how long a fit may take is free.

    Raises
    ------
    UserError
        If one is another.
    """
    wanted = replace(settings, max_iter=theirs.max_iter)
    others = [name for name in vars(theirs) if getattr(wanted, name) != getattr(theirs, name)]
    if others:
        pairs = ", ".join(as_pair(name, getattr(theirs, name)) for name in others)
        raise UserError(
            f"A training cannot go on from {version}, which is live, with other settings: it has "
            f"{pairs}.",
            "Leave these settings as they are (--like live), or leave out --warm-start.",
        )
