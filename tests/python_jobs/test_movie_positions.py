"""Movie ids become columns, by a table where they are small and by search where they are not."""

import numpy as np
import pytest

from python_jobs.errors import UserError
from python_jobs.interactions.movie_positions import LARGEST_TABLE_ID, MoviePositions


def ids(*values):
    return np.array(values, np.uint64)


@pytest.mark.parametrize("largest", [9, LARGEST_TABLE_ID, LARGEST_TABLE_ID + 1, 2**64 - 1])
def test_every_id_is_found_where_it_is_and_no_other(largest):
    positions = MoviePositions.of(ids(0, 4, largest))
    assert (positions.table.size == 0) == (largest > LARGEST_TABLE_ID)
    found = positions.find(ids(largest, 0, 4, 4), "mart")
    assert found.dtype == np.int32
    assert found.tolist() == [2, 0, 1, 1]
    for stranger in (3, largest - 1, min(largest + 1, 2**64 - 2)):
        with pytest.raises(UserError, match="rebuilt"):
            positions.find(ids(4, stranger), "mart")
