"""The partitions: ranges of user ids with about as many cells each, and what is in one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from python_jobs.distributed.fit_tasks import Size
from python_jobs.distributed.source import Source
from python_jobs.evaluation.holdout import Holdout, hold_out_of_some
from python_jobs.interactions.columns import Interactions
from python_jobs.interactions.mart import read_range
from python_jobs.interactions.movie_positions import rebuilt
from python_jobs.interactions.stamp import Stamp
from python_jobs.model.settings import Settings
from python_jobs.model.weighting import weigh

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from python_jobs.warehouse.connection import Warehouse

LARGEST_ID = 2**64 - 1


@dataclass(frozen=True)
class Cut:
    """One partition: all users from one id to another, both included."""

    first: int
    last: int
    cells: int
    """Rows of the mart that are theirs."""


class Facts(NamedTuple):
    """What the driver knows of a partition."""

    size: Size
    last_interacted_at: int
    """Milliseconds since 1970 (UTC)."""


def cut_users(warehouse: Warehouse, parts: int, cells: int) -> list[Cut]:
    """Cut the users of the mart, with as many cells in each part as whole users allow.

    The same mart gives the same cuts. Together they hold every id there is; there are fewer where
    a user has more cells than a part should have, or there are fewer users than parts.

    Parameters
    ----------
    warehouse
        An open warehouse.
    parts
        How many to make at most.
    cells
        How many rows the mart has.
    """
    mart = warehouse.mart
    # Rows are numbered as they are stored, in order; a window over all of them would hold them.
    found = warehouse.client.query(
        f"""
        select user_id
        from (select user_id from {mart} order by user_id)
        where has({{wanted:Array(UInt64)}}, rowNumberInAllBlocks())
        """,
        parameters={"wanted": [cells * part // parts for part in range(parts)]},
    )
    _, *others = sorted({user for (user,) in found.result_rows})
    starts = [0, *others]
    counted = warehouse.client.query(
        f"""
        select roundDown(user_id, {{starts:Array(UInt64)}}) as first, count()
        from {mart}
        group by first
        """,
        parameters={"starts": starts},
    )
    counts = {int(first): int(count) for first, count in counted.result_rows}
    ends = [*(start - 1 for start in starts[1:]), LARGEST_ID]
    return [Cut(*span, counts[span[0]]) for span in zip(starts, ends, strict=True)]


def read_part(
    source: Source,
    cut: Cut,
    movie_ids: NDArray[np.uint64],
    weights: Sequence[float | None],
    stamp: Stamp,
) -> Interactions:
    """Read a partition, here.

    Raises
    ------
    UserError
        If ClickHouse cannot be reached from here, or the mart is another than the driver saw.
    """
    with source.opened() as warehouse:
        part = read_range(warehouse, movie_ids, (cut.first, cut.last), cut.cells, weights)
        if part.stamp != stamp:
            raise rebuilt(str(warehouse.mart))
        return part


def facts_of(part: Interactions) -> Facts:
    """Return what the driver knows of a partition."""
    size = Size(part.user_ids.size, part.matrix.nnz)
    return Facts(size, int(part.last_interacted_at.max()))


def ids_of(part: Interactions) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return a partition's users, ascending, and their fingerprints."""
    return part.user_ids, part.fingerprints


def weighed_part(part: Interactions, settings: Settings) -> csr_matrix:
    """Return a partition's scores as they are fitted."""
    under = part.under(settings.watched_weight)
    return weigh(under.matrix, under.last_interacted_at, settings)


def split_part(part: Interactions, watched_weight: float | None) -> Holdout:
    """Hold out the latest interactions of a partition's users, with the scores under a weight."""
    under = part.under(watched_weight)
    return hold_out_of_some(under.matrix, under.last_interacted_at)


def weighed_train(holdout: Holdout, settings: Settings) -> csr_matrix:
    """Return the scores of the training part as they are fitted."""
    return weigh(holdout.train, holdout.times_for(settings), settings)


def size_of_train(holdout: Holdout) -> Size:
    """Return how much a training part holds."""
    return Size(holdout.train.shape[0], holdout.train.nnz)
