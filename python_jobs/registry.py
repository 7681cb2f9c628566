"""MLflow's model registry: versions, their aliases, and the way back to their factors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from python_jobs.errors import UserError
from python_jobs.settings import Settings
from python_jobs.tracking import ModelRecord, Tracking

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

CHAMPION = "champion"
"""Alias of the version whose recommendations are published."""
CHALLENGER = "challenger"
"""Alias of the version that the gate refused, or that `tune` found."""
RUN_ID_LENGTH = 32
"""MLflow's run ids are 32 hexadecimal digits; aliases here are shorter."""


def register_model(
    tracking: Tracking, run_id: str, model: Any, matrix: csr_matrix, W: NDArray[np.float32]
) -> str:
    """Log the fitted NMF and register it; return the new version's number.

    It is serialised by skops, without pickle, so that loading it runs no code.
    """
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature

    info = mlflow.sklearn.log_model(
        model,
        name="nmf_model",
        signature=infer_signature(matrix[:1], W[:1]),
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


def set_alias(tracking: Tracking, alias: str, version: str) -> None:
    """Point an alias, :data:`CHAMPION` or :data:`CHALLENGER`, at a version of the model."""
    tracking.client.set_registered_model_alias(tracking.model_name, alias, version)


@dataclass(frozen=True)
class RegisteredModel:
    """A version of the registered model, with what its run recorded."""

    name: str
    version: str
    run_id: str
    record: ModelRecord


def find_version(tracking: Tracking, reference: str) -> tuple[str, str] | None:
    """Return the version and the run that an alias, a version number or a run id means, or None."""
    from mlflow.exceptions import MlflowException

    try:
        if reference.isdigit():
            found = tracking.client.get_model_version(tracking.model_name, reference)
        elif len(reference) == RUN_ID_LENGTH:
            where = f"name = '{tracking.model_name}' and run_id = '{reference}'"
            (found,) = tracking.client.search_model_versions(where, max_results=1)
        else:
            found = tracking.client.get_model_version_by_alias(tracking.model_name, reference)
    except (MlflowException, ValueError):
        return None
    return str(found.version), str(found.run_id)


def load_model(tracking: Tracking, reference: str = CHAMPION) -> RegisteredModel:
    """Fetch a version's factors and metadata from the artifacts of its run.

    Raises
    ------
    UserError
        If there is no such version, or its artifacts are gone.
    """
    import mlflow
    import numpy as np
    from mlflow.exceptions import MlflowException

    version, run_id = _require_version(tracking, reference)
    try:
        folder = Path(mlflow.artifacts.download_artifacts(run_id=run_id))
        record = ModelRecord(
            W=np.load(folder / "user_features.npy"),
            H=np.load(folder / "movie_features.npy"),
            fingerprints=np.load(folder / "user_fingerprints.npy"),
            metadata=json.loads((folder / "metadata.json").read_text()),
        )
    except (MlflowException, OSError) as error:
        raise _artifacts_gone(version, run_id) from error
    return RegisteredModel(tracking.model_name, version, run_id, record)


def load_settings(tracking: Tracking, reference: str) -> tuple[str, Settings]:
    """Return a version's number and the settings it was fitted with, without its factors.

    Raises
    ------
    UserError
        As :func:`load_model` does.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    version, run_id = _require_version(tracking, reference)
    try:
        metadata = mlflow.artifacts.load_dict(f"runs:/{run_id}/metadata.json")
    except (MlflowException, OSError) as error:
        raise _artifacts_gone(version, run_id) from error
    return version, Settings.from_mapping(metadata["settings"])


def _require_version(tracking: Tracking, reference: str) -> tuple[str, str]:
    found = find_version(tracking, reference)
    if found is None:
        raise UserError(
            f"There is no {reference} of the model {tracking.model_name} in {tracking.shown_uri}.",
            "Run `python_jobs train` first, or name a version, a run or an alias that is there.",
        )
    return found


def _artifacts_gone(version: str, run_id: str) -> UserError:
    return UserError(
        f"The artifacts of version {version} (run {run_id}) cannot be read.",
        "Restore them in the MLflow store, or train again with --force.",
    )
