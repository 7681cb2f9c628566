"""What a worker says of its users for the record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions.columns import Interactions

Numbers = NDArray[np.uint64]


def ids_of(part: Interactions) -> tuple[Numbers, Numbers]:
    """Return a partition's users, ascending, and their fingerprints."""
    return part.user_ids, part.fingerprints
