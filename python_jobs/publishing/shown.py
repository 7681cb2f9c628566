"""From what may be shown to the masks that the ranking takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from python_jobs.interactions.recommendable import Recommendable
from python_jobs.ranking.shown import Shown


def shown_to(recommendable: Recommendable | None, user_ids: NDArray[np.uint64]) -> Shown | None:
    """Return which movies may be on whose list, for some users; None where all may, on any."""
    if recommendable is None:
        return None
    return Shown(recommendable.masks, recommendable.kinds_of(user_ids))
