"""What workers cannot fit as one process would: refused, since another model is worse than none."""

from __future__ import annotations

from python_jobs.errors import UserError
from python_jobs.model.settings import Settings


def require_supported(settings: Settings, whose: str = "") -> None:
    """Refuse settings of which partitions would make another model than one process.

    Parameters
    ----------
    settings
        What is to be fitted.
    whose
        Whose settings they are, where they are not those of the command.

    Raises
    ------
    UserError
        If there are such settings.
    """
    reasons = []
    if settings.init != "random":
        reasons.append(f"init={settings.init} needs the whole matrix at once")
    if settings.transition_rank:
        reasons.append(f"transition_rank={settings.transition_rank} is fitted in one process only")
    if reasons:
        of = f" of {whose}" if whose else ""
        raise UserError(
            f"The engine dask cannot fit the settings{of}: {', and '.join(reasons)}.",
            "Train without --engine dask, or "
            + (
                "without comparing: --no-evaluate."
                if whose
                else "with --set init=random --set transition_rank=0."
            ),
        )


def require_server(embedded: bool) -> None:
    """Refuse an embedded database, which no other process can read.

    Raises
    ------
    UserError
        If it is one.
    """
    if embedded:
        raise UserError(
            "The engine dask needs a ClickHouse server: the embedded database belongs to one "
            "process, and workers are others.",
            "Train without --engine dask, or name a server's target with --target "
            "(docs/server.md).",
        )
