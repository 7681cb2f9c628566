"""The users are cut where their cells say, and each part reads as it does among the others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import vstack

from python_jobs.distributed.lists import rules_of_parts
from python_jobs.distributed.partitions import LARGEST_ID, cut_users
from python_jobs.errors import UserError
from python_jobs.interactions.mart import movies_of, read_interactions, read_range
from python_jobs.interactions.recommendable import Recommendable
from python_jobs.publishing.new_movies import NewMovies
from python_jobs.publishing.rows import ListRules


@pytest.fixture(scope="module")
def whole(warehouse):
    return read_interactions(warehouse, [None, 2.0])


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 64, 400])
def test_cuts_hold_every_id_and_about_as_many_cells(warehouse, whole, parts):
    _, cells = movies_of(warehouse)
    cuts = cut_users(warehouse, parts, cells)
    assert cut_users(warehouse, parts, cells) == cuts
    assert (cuts[0].first, cuts[-1].last) == (0, LARGEST_ID)
    assert [cut.last + 1 for cut in cuts[:-1]] == [cut.first for cut in cuts[1:]]
    per_user = np.diff(whole.matrix.indptr)
    assert len(cuts) <= min(parts, per_user.size)
    firsts = np.array([cut.first for cut in cuts], np.uint64)
    starts = np.searchsorted(whole.user_ids, firsts)
    counted = np.add.reduceat(per_user, starts)
    assert [cut.cells for cut in cuts] == counted.tolist()
    if parts <= 64:
        assert len(cuts) == parts
        # A user belongs to one part, so that a part may be one user's cells too large.
        assert counted.max() <= cells / parts + 2 * per_user.max()


def test_parts_read_as_the_whole_does(warehouse, whole):
    movie_ids, cells = movies_of(warehouse)
    parts = [
        read_range(warehouse, movie_ids, (cut.first, cut.last), cut.cells, [None, 2.0])
        for cut in cut_users(warehouse, 5, cells)
    ]
    assert (vstack([part.matrix for part in parts]) != whole.matrix).nnz == 0
    for name in ("user_ids", "last_interacted_at", "fingerprints"):
        ours = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(ours, getattr(whole, name)), name
    for weight, scores in whole.scores.items():
        assert np.array_equal(np.concatenate([part.scores[weight] for part in parts]), scores)
    assert all(part.stamp == whole.stamp for part in parts)


def test_a_mart_of_other_rows_than_were_counted_is_refused(warehouse, whole):
    movie_ids, cells = movies_of(warehouse)
    (cut, *_) = cut_users(warehouse, 3, cells)
    for counted in (cut.cells - 1, cut.cells + 1):
        with pytest.raises(UserError, match="was rebuilt while it was being read"):
            read_range(warehouse, movie_ids, (cut.first, cut.last), counted)


def test_a_part_is_told_of_its_own_users_only():
    masks = np.array([[True, True, False], [True, False, True]])
    ids = np.array([2, 5, 40, 90, 91], np.uint64)
    some = Recommendable(masks, np.ones(3, np.bool_), ids, np.ones(5, np.int32))
    new = NewMovies(np.array([7], np.uint64), np.ones((1, 1), np.float32), 0.2, some)
    rules = ListRules(10, some, None, new, np.array([90, 95, 96], np.uint64))
    first, second = rules_of_parts(rules, [4, 50])
    assert first.cold_users.tolist() == [90, 95]
    assert second.cold_users.tolist() == [96]
    assert first.recommendable
    assert second.recommendable
    # Its range, and the users without interactions that it lists.
    assert first.recommendable.user_ids.tolist() == [2, 90]
    assert second.recommendable.user_ids.tolist() == [5, 40]
    assert first.recommendable.kinds.size == 2
    assert first.new
    assert first.new.recommendable
    assert first.new.recommendable.user_ids.tolist() == [2, 90]
