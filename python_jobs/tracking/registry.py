"""MLflow's model registry: versions, their aliases, and the way back to their factors.

What is live, ClickHouse's current row says; the alias ``champion`` follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from python_jobs.errors import UserError
from python_jobs.tracking.record import METADATA, SUMMARY, ModelRecord, Summary, load_record
from python_jobs.tracking.record import summary_of as _summary_of
from python_jobs.tracking.scratch import scratch
from python_jobs.tracking.store import artifacts_stored, reason

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from python_jobs.tracking.store import Tracking

CHAMPION = "champion"
"""Alias of the version whose recommendations are live."""
CHALLENGER = "challenger"
"""Alias of the version that `tune` found."""
RUN_ID_LENGTH = 32
"""MLflow's run ids are 32 hexadecimal digits; aliases here are shorter."""
MISSING = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    number: str
    run_id: str
    """The MLflow run that trained it."""

    def __str__(self) -> str:
        return f"version {self.number} of {self.name}"


@dataclass(frozen=True)
class RegisteredModel:
    """A version with the model that its run recorded."""

    version: Version
    record: ModelRecord


def register_model(tracking: Tracking, run_id: str, model: Any, movies: int, rank: int) -> str:
    """Log the fitted NMF, of movies and a rank, and register it; return the new version's number.

    It is serialised by skops, without pickle, so that loading it runs no code.
    """
    import mlflow
    import numpy as np
    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature
    from scipy.sparse import csr_matrix

    row, factors = csr_matrix(np.zeros((1, movies), np.float32)), np.zeros((1, rank), np.float32)
    with artifacts_stored(tracking):
        info = mlflow.sklearn.log_model(
            model,
            name="nmf_model",
            signature=infer_signature(row, factors),
            serialization_format="skops",
            pip_requirements=_requirements(),
        )
    try:
        tracking.client.create_registered_model(tracking.model_name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = tracking.client.create_model_version(
        tracking.model_name, info.model_uri, run_id=run_id, model_id=info.model_id
    )
    return str(version.version)


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{package}=={version(package)}" for package in ("scikit-learn", "numpy", "skops")]


def set_alias(tracking: Tracking, name: str, alias: str, version: str) -> None:
    """Point an alias, :data:`CHAMPION` or :data:`CHALLENGER`, at a version of a model."""
    tracking.client.set_registered_model_alias(name, alias, version)


def remove_alias(tracking: Tracking, name: str, alias: str) -> None:
    """Take an alias off the version that it points at."""
    tracking.client.delete_registered_model_alias(name, alias)


def version_tags(tracking: Tracking, version: Version) -> dict[str, str]:
    """Return the tags of the MLflow run that trained a version."""
    return dict(tracking.client.get_run(version.run_id).data.tags)


def aliased(tracking: Tracking, name: str, alias: str) -> str | None:
    """Return the number of the version that an alias points at; None where it does not exist.

    Anything but the registry's word that there is no such model is raised, so that a store that
    does not answer is never taken for an empty one.
    """
    from mlflow.exceptions import MlflowException

    try:
        aliases = tracking.client.get_registered_model(name).aliases
    except MlflowException as error:
        if error.error_code != MISSING:
            raise
        return None
    return str(aliases[alias]) if alias in aliases else None


def find_version(tracking: Tracking, name: str, reference: str) -> Version | None:
    """Return the version that a number, a run's id or an alias means; None where there is none."""
    from mlflow.exceptions import MlflowException

    number: str | None = reference
    if len(reference) == RUN_ID_LENGTH:
        where = f"name = '{name}' and run_id = '{reference}'"
        found = tracking.client.search_model_versions(where, max_results=1)
        return _version(found[0]) if found else None
    if not reference.isdigit():
        number = aliased(tracking, name, reference)
    if number is None:
        return None
    try:
        return _version(tracking.client.get_model_version(name, number))
    except MlflowException as error:
        if error.error_code != MISSING:
            raise
        return None


def _version(found: ModelVersion) -> Version:
    return Version(str(found.name), str(found.version), str(found.run_id))


def require_version(tracking: Tracking, reference: str) -> Version:
    """Return the version of this project's model that a reference means.

    Raises
    ------
    UserError
        If there is no such version.
    """
    found = find_version(tracking, tracking.model_name, reference)
    if found is None:
        raise UserError(
            f"There is no {reference} of the model {tracking.model_name} in {tracking.shown_uri}.",
            "Run `python_jobs train` first, or name a version, a run or an alias that is there.",
        )
    return found


def load_model(version: Version) -> RegisteredModel:
    """Fetch a version's model from the artifacts of its run; what is downloaded is removed again.

    Raises
    ------
    UserError
        If its artifacts are gone or damaged, or their store does not answer.
    """
    import mlflow

    try:
        with scratch() as folder:
            mlflow.artifacts.download_artifacts(run_id=version.run_id, dst_path=str(folder))
            return RegisteredModel(version, load_record(folder))
    except UserError:
        raise
    except Exception as error:  # the stores' clients, NumPy and JSON raise their own kinds
        raise _unreadable(version, error) from error


def load_summary(version: Version) -> Summary:
    """Return what a version was fitted with and how it measured, without fetching its arrays.

    Raises
    ------
    UserError
        As :func:`load_model` does.
    """
    import mlflow

    try:
        names = {file.path for file in mlflow.artifacts.list_artifacts(run_id=version.run_id) or []}
        name = SUMMARY if SUMMARY in names else METADATA
        return _summary_of(mlflow.artifacts.load_dict(f"runs:/{version.run_id}/{name}"))
    except UserError:
        raise
    except Exception as error:
        raise _unreadable(version, error) from error


def _unreadable(version: Version, error: Exception) -> UserError:
    return UserError(
        f"The artifacts of {version} (run {version.run_id}) cannot be read "
        f"({type(error).__name__}: {reason(error)}).",
        "If their store does not answer, run the command again when it does. If they are lost, "
        "restore them, or train again with --force.",
    )
