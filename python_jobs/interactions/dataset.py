"""The data set that the marts hold: which one it is, and by what it is known again.

dbt's model ``mart_dataset`` has the rule. In a sentence: of the movies and of the users in the
sample that a published run left, at least half of those that are still here must be the same, by
title, and by e-mail or time of signing up. Here it is only read, and compared by its id.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from python_jobs.errors import UserError
from python_jobs.interactions.stamp import read_stamp
from python_jobs.warehouse.connection import Warehouse

LABEL = "DATAFLIX_DATASET"
"""Environment variable that names the data set; dbt reads it as it builds the marts."""


def named(dataset_id: str, label: str) -> str:
    """Return what a data set is called in a sentence or a table."""
    if not dataset_id:
        return "(not recorded)"
    return f"{label} ({dataset_id})" if label else dataset_id


@dataclass(frozen=True)
class Dataset:
    """The data set that the marts hold."""

    id: str
    """Eight hexadecimal digits; runs with the same ones can be compared."""
    label: str
    """What it is called; may be empty."""
    sample: dict[str, list[Any]] = field(repr=False)
    """Columns ``entity``, ``entity_id`` and ``identities`` of what it is known again by."""

    def __str__(self) -> str:
        return named(self.id, self.label)

    def holds(self, dataset_id: str) -> bool:
        """Return whether a run of that data set was made from this one.

        Runs of releases that did not record it have none. They count as made from this one, so
        that the gate of a deployment that was upgraded is not open until its next publication.
        """
        return dataset_id in ("", self.id)

    def tags(self) -> dict[str, str]:
        """Return what MLflow keeps of it."""
        return {"dataset": self.label or self.id, "dataset_id": self.id}

    def rows(self) -> Iterator[dict[str, list[Any]]]:
        """Yield the rows of ``ml.dataset_samples`` that a run leaves, as one block."""
        size = len(self.sample["entity"])
        yield {
            "dataset_id": [self.id] * size,
            "dataset_label": [self.label] * size,
            **self.sample,
        }


def read_dataset(warehouse: Warehouse) -> Dataset:
    """Return the data set that the marts hold.

    Raises
    ------
    UserError
        If they hold none, or were built under another name than the environment has now, or from
        other raw tables than the project names now.
    """
    mart = warehouse.project.model("mart_dataset")
    read_stamp(warehouse, mart)
    result = warehouse.client.query(
        f"select dataset_id, dataset_label, entity, entity_id, identities from {mart}",
        column_oriented=True,
    )
    if not result.result_set:
        raise UserError(
            f"There are no movies and no users: {mart} is empty.",
            "Load the raw tables, or point the raw_… vars at yours (docs/your_data.md), then run "
            "`dbt build`.",
        )
    ids, labels, *sample = result.result_set
    wanted, label = os.environ.get(LABEL, ""), str(labels[0])
    if wanted and wanted != label:
        raise UserError(
            f"The marts were built as the data set {named(ids[0], label)}, and {LABEL} is "
            f"{wanted!r} here.",
            f"Run `dbt build` with the same {LABEL}, or unset it here.",
        )
    columns = dict(zip(("entity", "entity_id", "identities"), map(list, sample), strict=True))
    return Dataset(str(ids[0]), label, columns)
