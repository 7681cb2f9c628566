"""What is live: ClickHouse's current run, the model behind it, and the alias that follows it."""

from __future__ import annotations

from dataclasses import dataclass

from python_jobs.errors import UserError
from python_jobs.interactions.dataset import Dataset, named, read_dataset
from python_jobs.publishing.history import PublishedRun, TrainingRun, current_run
from python_jobs.tracking.registry import (
    CHAMPION,
    RegisteredModel,
    Version,
    aliased,
    find_version,
    load_model,
    set_alias,
)
from python_jobs.tracking.store import Tracking
from python_jobs.warehouse.connection import Warehouse


@dataclass(frozen=True)
class Live:
    """What is live as a job begins: what it commits against."""

    run: PublishedRun | None
    """ClickHouse's current run; None where nothing has been published."""
    champion: str | None
    """Version that MLflow's alias points at; None where there is none."""
    dataset: Dataset
    """What the marts hold."""

    @property
    def ours(self) -> PublishedRun | None:
        """The run, if it was made from the data set that the marts hold."""
        return self.run if self.run and self.dataset.holds(self.run.dataset_id) else None

    @property
    def nothing(self) -> str:
        """Why there is nothing of this data set to compare with or to go by, in words."""
        if self.run is None:
            return "nothing is live yet"
        return (
            f"what is live, version {self.run.model_version}, was made from another data set: "
            f"{named(self.run.dataset_id, self.run.dataset_label)}, and the marts hold "
            f"{self.dataset}"
        )


def find_live(warehouse: Warehouse, tracking: Tracking) -> tuple[Live, str]:
    """Return what is live, and bring MLflow's alias in line with it.

    Returns
    -------
    tuple
        What is live, and a sentence on what was done or could not be; empty where all agreed.
    """
    run, dataset = current_run(warehouse), read_dataset(warehouse)
    if run is None:
        return Live(None, None, dataset), ""
    try:
        before = follow(tracking, run)
    except UserError as error:
        champion = aliased(tracking, run.model_name, CHAMPION)
        return Live(run, champion, dataset), f"Warning: {error}"
    note = ""
    if before:
        note = (
            f"MLflow's {CHAMPION} of {run.model_name} was {before}; it is version "
            f"{run.model_version} now, whose lists are live (run {run.run_id})."
        )
    return Live(run, run.model_version, dataset), note


def load_live(tracking: Tracking, live: Live) -> RegisteredModel:
    """Return the model whose lists are live.

    Raises
    ------
    UserError
        If nothing of the data set that the marts hold is live, or its model is not in this store
        or cannot be read.
    """
    if live.run is None:
        raise UserError(
            "Nothing has been published yet, so that there is no model to go by.",
            "Run `python_jobs train` first.",
        )
    if live.ours is None:
        raise UserError(
            f"There is no model to go by: {live.nothing}. It knows none of these users and movies.",
            "Run `python_jobs train`: it learns from what the marts hold, and its lists go live. "
            "docs/your_data.md says what makes two data sets others.",
        )
    return load_model(version_of(tracking, live.ours))


def version_of(tracking: Tracking, run: TrainingRun) -> Version:
    """Return the version whose lists a published run holds.

    Raises
    ------
    UserError
        If this store does not have it, or has another model under its number.
    """
    found = find_version(tracking, run.model_name, run.model_version)
    if found is None or found.run_id != run.mlflow_run_id:
        raise UserError(
            f"Run {run.run_id} holds the lists of version {run.model_version} of "
            f"{run.model_name}, which is not in the MLflow store at {tracking.shown_uri}.",
            "Check MLFLOW_TRACKING_URI: the store must be the one it was trained with. "
            "`python_jobs train --force` starts anew in this one.",
        )
    return found


def follow(tracking: Tracking, live: PublishedRun) -> str | None:
    """Point the champion at what is live, if it points elsewhere; return what it pointed at.

    Returns
    -------
    str or None
        None where nothing had to be done; otherwise the version it was moved from, or ``no
        version``.

    Raises
    ------
    UserError
        As :func:`version_of` does.
    """
    before = aliased(tracking, live.model_name, CHAMPION)
    if before == live.model_version:
        return None
    version = version_of(tracking, live)
    set_alias(tracking, version.name, CHAMPION, version.number)
    return f"version {before}" if before else "no version"
