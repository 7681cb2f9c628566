"""The settings that a command is asked for, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from python_jobs.errors import UserError
from python_jobs.jobs.options import Origin
from python_jobs.model.settings import Settings
from python_jobs.model.told_settings import as_pair, changed

if TYPE_CHECKING:
    from python_jobs.commands.session import TrackedSession
    from python_jobs.tracking.registry import Version

DEFAULTS, LIVE = "defaults", "live"
"""What ``--like`` takes besides versions: nobody's settings, and those of what is live."""


@dataclass(frozen=True)
class WantedModel:
    """The settings that a command is asked for: someone's, with some of them changed."""

    like: str
    """A version's number, run or alias, :data:`LIVE` or :data:`DEFAULTS`."""
    told: dict[str, Any]
    """What is changed."""

    def settings(
        self, job: TrackedSession, resumed: Settings | None = None
    ) -> tuple[Settings, Origin]:
        """Return the settings and their origin, and say it on stderr, unless all are defaults.

        ``resumed`` are those of a run that is gone on with; whatever is told has to be the same.

        Raises
        ------
        UserError
            If there is no such version, its artifacts are gone, or what was told does not go with
            its settings.
        """
        if resumed:
            return self._same(resumed), Origin("", self.told)
        whose, like, base = self._base(job)
        settings = changed(base, self.told)
        pairs = ", ".join(as_pair(*item) for item in self.told.items())
        if self.told or self.like != DEFAULTS:
            click.echo(f"settings: {whose}{', with ' if pairs else ''}{pairs}", err=True)
        return settings, Origin(like, self.told)

    def _same(self, resumed: Settings) -> Settings:
        if changed(resumed, self.told) != resumed or self.like != DEFAULTS:
            raise UserError(
                "A run is gone on with under its own settings, and others are given.",
                "Leave out the options that say which model it is to be.",
            )
        return resumed

    def _base(self, job: TrackedSession) -> tuple[str, str, Settings]:
        from python_jobs.jobs.live import version_of
        from python_jobs.tracking.registry import require_version

        if self.like == DEFAULTS:
            return "the defaults", "", Settings()
        if self.like != LIVE:
            version = require_version(job.tracking, self.like)
            return self._of(version)
        if job.live.ours is None:
            return f"the defaults, as {job.live.nothing}", "", Settings()
        words, like, settings = self._of(version_of(job.tracking, job.live.ours))
        return f"{words}, which is live", like, settings

    def _of(self, version: Version) -> tuple[str, str, Settings]:
        from python_jobs.tracking.registry import load_summary

        settings = load_summary(version).settings
        return f"those of version {version.number}", f"v{version.number}", settings

    def words(self) -> list[str]:
        """Return the options that ask another command for the same, whatever its environment."""
        pairs = (("--set", as_pair(*item)) for item in self.told.items())
        return ["--like", self.like, *(word for pair in pairs for word in pair)]
