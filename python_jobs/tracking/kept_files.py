"""Files that a run keeps while it goes on, among its artifacts, and removes when it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from python_jobs.errors import UserError
from python_jobs.tracking.store import artifacts_stored, reason

if TYPE_CHECKING:
    from python_jobs.tracking.store import Tracking

MISSING = "RESOURCE_DOES_NOT_EXIST"
INVALID = "INVALID_PARAMETER_VALUE"


@dataclass(frozen=True)
class KeptFiles:
    """The files of one run, in folders of its artifacts."""

    tracking: Tracking
    run_id: str

    def put(self, folder: str, files: Path) -> None:
        """Put all files of a directory into a folder.

        Raises
        ------
        UserError
            If they cannot be stored.
        """
        with artifacts_stored(self.tracking):
            self.tracking.client.log_artifacts(self.run_id, str(files), folder)

    def names(self, folder: str) -> list[str]:
        """Return what is in a folder, by its last name."""
        found = self.tracking.client.list_artifacts(self.run_id, folder)
        return sorted(Path(file.path).name for file in found)

    def fetched(self, folder: str, into: Path) -> Path:
        """Fetch a folder into a directory, and return where its files are.

        Raises
        ------
        UserError
            If it cannot be fetched.
        """
        try:
            return Path(self.tracking.client.download_artifacts(self.run_id, folder, str(into)))
        except Exception as error:  # the stores' clients raise their own kinds
            raise UserError(
                f"{folder} of run {self.run_id} cannot be read ({type(error).__name__}: "
                f"{reason(error)}).",
                "If the store of artifacts does not answer, run the command again when it does.",
            ) from error

    def text(self, folder: str, name: str) -> str:
        """Return what is in a file; empty where there is none."""
        if name not in self.names(folder):
            return ""
        with TemporaryDirectory() as directory:
            return (self.fetched(folder, Path(directory)) / name).read_text()

    def remove(self, folder: str) -> None:
        """Remove a folder, from a store that can."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        uri = str(self.tracking.client.get_run(self.run_id).info.artifact_uri)
        try:
            get_artifact_repository(uri).delete_artifacts(folder)
        except NotImplementedError:  # it stays
            return


def require_unfinished(tracking: Tracking, run_id: str) -> str:
    """Return the name of a run that has not ended well.

    Raises
    ------
    UserError
        If there is no such run, or it has ended.
    """
    from mlflow.exceptions import MlflowException

    try:
        run = tracking.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in (MISSING, INVALID):
            raise
        raise UserError(
            f"There is no run {run_id} in {tracking.shown_uri}.",
            "The failed run said which one to go on from; MLflow has it too.",
        ) from None
    if run.info.status == "FINISHED":
        raise UserError(
            f"Run {run_id} has ended: there is nothing to go on from.",
            "`python_jobs train` begins a new one.",
        )
    return str(run.info.run_name)
