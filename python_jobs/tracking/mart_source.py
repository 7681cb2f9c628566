"""The training mart as MLflow describes a dataset's source.

Kept apart because the class derives from MLflow's, and importing MLflow is slow.
"""

from __future__ import annotations

from typing import Any

from mlflow.data.dataset_source import DatasetSource


class MartSource(DatasetSource):  # type: ignore[misc]  # MLflow ships no types
    """Where the training data is and how far it goes; the data itself stays in ClickHouse.

    Parameters
    ----------
    relation
        The mart, ``database.table``.
    rows
        Interactions read from it.
    last_interacted_at
        Time of the latest one, ISO 8601 in UTC.
    """

    def __init__(self, relation: str, rows: int, last_interacted_at: str) -> None:
        self.relation = relation
        self.rows = rows
        self.last_interacted_at = last_interacted_at

    @staticmethod
    def _get_source_type() -> str:
        return "clickhouse"

    def load(self) -> Any:
        """Refuse: the mart is read through the dbt profile, which MLflow does not have."""
        raise NotImplementedError(f"Read {self.relation} from ClickHouse.")

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:  # noqa: ARG004
        return False

    @classmethod
    def _resolve(cls, raw_source: Any) -> MartSource:
        raise NotImplementedError(f"A mart cannot be made from {raw_source!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Return what MLflow stores and shows."""
        return {
            "relation": self.relation,
            "rows": self.rows,
            "last_interacted_at": self.last_interacted_at,
        }

    @classmethod
    def from_dict(cls, source_dict: dict[str, Any]) -> MartSource:
        """Make the source again from what MLflow stored."""
        return cls(**source_dict)
