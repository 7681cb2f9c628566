"""MLflow: the store, and what a run leaves in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from python_jobs.errors import UserError
from python_jobs.tracking.record import ModelParts, save_record
from python_jobs.tracking.scratch import scratch
from python_jobs.warehouse.explained_errors import root_cause

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Tracking:
    """An MLflow store that answers, and the names this project uses in it."""

    client: MlflowClient
    uri: str
    """Tracking URI; it may hold a password, so show :attr:`shown_uri`."""
    experiment: str
    experiment_id: str
    model_name: str

    @property
    def shown_uri(self) -> str:
        """The URI without its password."""
        return without_password(self.uri)


def without_password(uri: str) -> str:
    """Return a URI with its password, if any, replaced by stars."""
    from urllib.parse import urlsplit

    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":*****@") if password else uri


def open_tracking(project_dir: Path, experiment: str, model_name: str) -> Tracking:
    """Reach the MLflow store and make the experiment if it is new.

    Parameters
    ----------
    project_dir
        Where the default store, ``mlflow.db`` and ``mlruns/``, lies; ``MLFLOW_TRACKING_URI`` names
        any other.
    experiment, model_name
        Names of the experiment and of the registered model.

    Raises
    ------
    UserError
        If the store cannot be reached.
    """
    from python_jobs.tracking.quiet_mlflow import mlflow

    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project_dir / 'mlflow.db'}"
    try:
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        experiment_id = _experiment_id(client, experiment, uri)
    except Exception as error:  # MLflow, its HTTP client and SQLAlchemy raise their own kinds
        raise UserError(
            f"The MLflow store at {without_password(uri)} cannot be reached "
            f"({type(error).__name__}).",
            "Check MLFLOW_TRACKING_URI, or unset it to use mlflow.db in the project.",
        ) from error
    return Tracking(client, uri, experiment, experiment_id, model_name)


def _experiment_id(client: MlflowClient, name: str, uri: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    location = None
    if uri.startswith("sqlite:///"):
        # MLflow's default is relative to the working directory of whoever runs first.
        location = (Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlruns").as_uri()
    return str(client.create_experiment(name, artifact_location=location))


@contextmanager
def explained_mlflow(tracking: Tracking) -> Iterator[None]:
    """Turn MLflow's errors into advice.

    Raises
    ------
    UserError
        In place of any error of MLflow, or of the database that it keeps.
    """
    try:
        yield
    except Exception as error:
        if not is_store_error(error):
            raise
        raise UserError(
            f"The MLflow store at {tracking.shown_uri} failed: {reason(error)}",
            "Mend the store (MLFLOW_TRACKING_URI names it) and run the command again; "
            "`python_jobs runs` shows what is published.",
        ) from error


def is_store_error(error: BaseException) -> bool:
    """Return whether MLflow, or SQLAlchemy under it, raised the error."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, (MlflowException, SQLAlchemyError))


def reason(error: BaseException) -> str:
    """Return what the error at the root of one says, in a line and without a password in it."""
    line = root_cause(error)
    return " ".join(map(without_password, line.split(" ")))


@contextmanager
def artifacts_stored(tracking: Tracking) -> Iterator[None]:
    """Turn the errors of where artifacts go, a disk, a bucket or a server, into advice.

    Raises
    ------
    UserError
        In place of any error that is not MLflow's own.
    """
    try:
        yield
    except Exception as error:  # each kind of storage has a client with its own
        if is_store_error(error):
            raise
        raise UserError(
            f"The artifacts could not be written to the MLflow store at {tracking.shown_uri} "
            f"({type(error).__name__}: {reason(error)}).",
            "Nothing was published. Mend where the store keeps artifacts, and run it again.",
        ) from error


@contextmanager
def tracked_run(
    tracking: Tracking, name: str, tags: dict[str, str], resume: str | None = None
) -> Iterator[str]:
    """Keep an MLflow run for the length of a ``with`` block and yield its id.

    ``resume`` is a run that is gone on with; None for a new one.

    It ends as FINISHED, as FAILED after an error, and as KILLED after Ctrl-C.
    """
    import mlflow

    begun = {"run_id": resume} if resume else {"experiment_id": tracking.experiment_id}
    with mlflow.start_run(**begun, run_name=name, tags=tags) as active:
        run_id = str(active.info.run_id)
        try:
            yield run_id
        except KeyboardInterrupt:
            mlflow.end_run("KILLED")
            raise


def log_params(params: dict[str, str]) -> None:
    """Log parameters of the active run."""
    import mlflow

    mlflow.log_params(params)


def log_metrics(metrics: dict[str, float]) -> None:
    """Log metrics of the active run."""
    import mlflow

    mlflow.log_metrics(metrics)


def trials_experiment(tracking: Tracking) -> str:
    """Return the id of the experiment for the trials of searches, beside that of the runs."""
    return _experiment_id(tracking.client, f"{tracking.experiment}-trials", tracking.uri)


def log_trial(
    experiment_id: str, name: str, params: dict[str, Any], ndcg: float, tags: dict[str, str]
) -> None:
    """Log one trial of a search, in an experiment, as a run nested in the active one."""
    import mlflow

    with mlflow.start_run(experiment_id=experiment_id, run_name=name, nested=True, tags=tags):
        mlflow.log_params(params)
        mlflow.log_metric("validation_ndcg_at_10", ndcg)


def log_record(tracking: Tracking, model: ModelParts, about: dict[str, Any]) -> None:
    """Log a model's factors, ids and settings as artifacts of the active run."""
    import mlflow

    with scratch() as folder:
        save_record(model, about, folder)
        with artifacts_stored(tracking):
            mlflow.log_artifacts(str(folder))


def log_mart(relation: str, rows: int, last_interacted_at: str) -> None:
    """Log the mart as the active run's training dataset: where it is and how far it goes."""
    import mlflow
    from mlflow.data.meta_dataset import MetaDataset

    from python_jobs.tracking.mart_source import MartSource

    source = MartSource(relation, rows, last_interacted_at)
    mlflow.log_input(MetaDataset(source, name=relation), context="training")
