"""Only what may be shown is on a list, which is as long as ever, whoever may be shown what."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs.errors import UserError
from python_jobs.interactions.recommendable import Recommendable, read_recommendable, short_lists
from python_jobs.progress import Bar, Phases
from python_jobs.publishing.rows import Ranked, recommendations, similar
from python_jobs.ranking.explanations import Past
from python_jobs.ranking.shown import Shown
from python_jobs.ranking.similarity import similar_movies
from python_jobs.ranking.top_n import top_n_blocks
from tests.python_jobs.test_ranking import columns, make, sort_everything


@settings(deadline=None, max_examples=100)
@given(
    movies=st.one_of(st.integers(1, 40), st.sampled_from([511, 513, 1300])),
    n=st.integers(1, 30),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    density=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    levels=st.sampled_from([0, 1]),
    kinds=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_lists_are_those_of_a_sort_of_what_may_be_shown(
    movies: int, n: int, share: float, density: float, levels: int, kinds: int, seed: int
) -> None:
    W, H, seen = make(7, movies, 5, density, levels, seed=seed)
    rng = np.random.default_rng(seed)
    shown = Shown(rng.random((kinds, movies)) < share, rng.integers(kinds, size=7, dtype=np.int32))
    hidden = csr_matrix(~shown.masks[shown.kinds])
    expected_movies, expected_scores = sort_everything(W, H, (seen + hidden).tocsr(), n)
    users, places = np.nonzero(expected_movies >= 0)
    blocks = list(top_n_blocks(W, H, seen, n, users_per_block=3, shown=shown))
    found = [np.concatenate([getattr(block, name) for block in blocks]) for name in NAMES]
    np.testing.assert_array_equal(found[0], users)
    np.testing.assert_array_equal(found[1], expected_movies[users, places])
    np.testing.assert_array_equal(found[2], expected_scores[users, places])


NAMES = ("users", "movies", "scores")


def test_where_everything_may_be_shown_nothing_changes_to_the_bit() -> None:
    W, H, seen = make(300, 900, 11)
    everything = top_n_blocks(W, H, seen, 15, shown=Shown.to_all(np.ones(900, np.bool_), 300))
    assert columns(list(everything)) == columns(list(top_n_blocks(W, H, seen, 15)))


def test_a_mask_of_another_catalogue_is_refused() -> None:
    W, H, seen = make(4, 6, 2)
    with pytest.raises(ValueError, match=r"masks \(1, 5\) and kinds \(4,\)"):
        top_n_blocks(W, H, seen, 3, shown=Shown.to_all(np.ones(5, np.bool_), 4))
    with pytest.raises(ValueError, match=r"kinds \(3,\)"):
        top_n_blocks(W, H, seen, 3, shown=Shown.to_all(np.ones(6, np.bool_), 3))
    for kind in (-1, 1):
        kinds = np.array([0, 0, kind, 0], np.int32)
        with pytest.raises(ValueError, match="not among the 1 masks"):
            top_n_blocks(W, H, seen, 3, shown=Shown(np.ones((1, 6), np.bool_), kinds))


def test_similar_movies_name_what_may_be_shown_and_of_every_movie() -> None:
    H = np.random.default_rng(0).random((4, 60), np.float32)
    shown = np.arange(60) % 10 == 3
    found = similar_movies(H, 5, shown)
    assert set(found.similar.tolist()) == set(range(3, 60, 10))
    # Six may be shown, and each of these leaves itself out.
    assert np.bincount(found.movies).tolist() == [5] * 60
    everything = similar_movies(H, 59)
    first = everything.similar[(everything.movies == 0) & shown[everything.similar]][:5]
    assert found.similar[found.movies == 0].tolist() == first.tolist()


def world(users: int = 40, movies: int = 120) -> Ranked:
    """Return what lists are made from; the last users have no factors, and five no interactions."""
    W, H, seen = make(users, movies, 4, 0.2)
    W[-4:] = 0
    seen = seen.astype(np.float32)
    return Ranked(
        W=W,
        H=H,
        matrix=seen,
        user_ids=np.arange(100, 100 + users, dtype=np.uint64),
        movie_ids=np.arange(1, movies + 1, dtype=np.uint64),
        folded_in=np.arange(users) % 3 == 0,
        cold_users=np.arange(200, 205, dtype=np.uint64),
        popularity=lambda: np.linspace(0.1, 0.9, movies, dtype=np.float32),
        top=10,
        past=Past(np.ones((movies, 2), np.float32), seen),
    )


def lists_of(ranked: Ranked) -> dict[int, list[tuple[Any, ...]]]:
    """Return each user's rows, in the order of the ranks."""
    lists: dict[int, list[tuple[Any, ...]]] = {}
    for block in recommendations(ranked, Phases(), Bar(None, None)):
        for user, *row in zip(*block.values(), strict=True):
            lists.setdefault(int(user), []).append(tuple(row))
    return lists


def in_countries(movies: int = 120) -> Recommendable:
    """Odd movies everywhere, the others in one of two countries or in none."""
    place = np.arange(movies)
    odd = place % 2 == 1
    masks = np.array([odd, odd | (place < 30), odd | (place > 80)])
    users = np.array([100, 103, 107, 137, 200, 202], np.uint64)
    return Recommendable(masks, np.asarray(masks.any(axis=0)), users, np.array([1, 2, 1, 2, 1, 2]))


def test_each_user_is_shown_what_may_be_shown_in_the_own_country() -> None:
    plain = world()
    rules = in_countries()
    lists = lists_of(with_rules(plain, rules))
    everything = lists_of(with_top(plain, 120))
    assert lists.keys() == everything.keys()
    kinds = dict(zip(rules.user_ids.tolist(), rules.kinds.tolist(), strict=True))
    for user, rows in lists.items():
        shown = rules.masks[kinds.get(user, 0)]
        kept = [row for row in everything[user] if shown[int(row[0]) - 1]][:10]
        assert [row[1] for row in rows] == list(range(1, 11))
        # Movies, scores and reasons; `because` goes by what else is on a list.
        assert [(row[0], row[2], row[3]) for row in rows] == [(r[0], r[2], r[3]) for r in kept]
    assert {row[3] for rows in lists.values() for row in rows} == {"factors", "fold_in", "popular"}


def test_reasons_of_a_country_alone_are_those_of_all_together() -> None:
    plain = world()
    together = lists_of(with_rules(plain, in_countries()))
    odd = in_countries().masks[0]
    nobody = np.empty(0, np.uint64), np.empty(0, np.int32)
    alone = lists_of(with_rules(plain, Recommendable(odd[np.newaxis], odd, *nobody)))
    unruled = [user for user in alone if user not in in_countries().user_ids.tolist()]
    assert len(unruled) == 39
    assert {user: alone[user] for user in unruled} == {user: together[user] for user in unruled}


def test_lists_are_full_where_nine_in_ten_may_not_be_shown() -> None:
    shown = np.arange(120) % 10 == 0
    ranked = with_rules(world(), Recommendable(shown[np.newaxis], shown, *_nobody()))
    seen_of = {
        user: np.count_nonzero(shown[ranked.matrix[row].indices])
        for row, user in enumerate(ranked.user_ids.tolist())
    }
    for user, rows in lists_of(ranked).items():
        assert len(rows) == min(10, 12 - seen_of.get(user, 0))
        assert all(shown[int(row[0]) - 1] for row in rows)
    (pairs,) = similar(ranked.H, ranked.movie_ids, shown)
    assert all(shown[int(movie) - 1] for movie in pairs["similar_movie_id"])


def test_who_has_seen_all_that_may_be_shown_has_no_list_and_is_counted() -> None:
    ranked = world()
    shown = np.zeros(120, np.bool_)
    shown[:15] = True
    dense = ranked.matrix.toarray()
    dense[:, :15] = 0
    dense[0, :15] = 1
    dense[1, :6] = 1
    ranked = with_rules(ranked, Recommendable(shown[np.newaxis], shown, *_nobody()))
    ranked = _replace(ranked, matrix=csr_matrix(dense, dtype=np.float32), past=None)
    lists = lists_of(ranked)
    assert 100 not in lists
    assert len(lists[101]) == 9
    assert {len(rows) for user, rows in lists.items() if user > 101} == {10}
    interactions: Any = SimpleNamespace(matrix=ranked.matrix, user_ids=ranked.user_ids)
    assert short_lists(interactions, ranked.recommendable, 10) == 2
    assert short_lists(interactions, None, 10) == 0


def _nobody() -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    return np.empty(0, np.uint64), np.empty(0, np.int32)


def _replace(ranked: Ranked, **changes: Any) -> Ranked:
    return Ranked(**(vars(ranked) | changes))


def with_rules(ranked: Ranked, rules: Recommendable) -> Ranked:
    """Return the same lists under rules."""
    return _replace(ranked, recommendable=rules)


def with_top(ranked: Ranked, top: int) -> Ranked:
    """Return lists of another length."""
    return _replace(ranked, top=top)


class Answers:
    """A warehouse that answers a query by what it asks for."""

    def __init__(self, movies: list[tuple[str, list[int]]], users: dict[int, str]) -> None:
        self.movies, self.users, self.asked = movies, users, 0
        self.client = self
        self.project = self

    def model(self, name: str) -> str:
        return name

    def query(self, sql: str, parameters: Any = None, column_oriented: bool = False) -> Any:
        if "int_recommendable_movies" in sql:
            return SimpleNamespace(result_rows=self.movies)
        self.asked += 1
        rows = [(u, parameters["countries"].index(c) + 1) for u, c in self.users.items()]
        return SimpleNamespace(result_set=list(zip(*rows, strict=True)))


IDS = np.array([1, 2, 3, 4], np.uint64)


def read(answers: Answers) -> Recommendable | None:
    warehouse: Any = answers
    return read_recommendable(warehouse, IDS)


def test_everything_everywhere_is_no_rule_and_asks_for_no_user() -> None:
    answers = Answers([("", [1, 2, 3, 4, 9]), ("NL", [1, 9])], {})
    assert read(answers) is None
    assert answers.asked == 0


def test_countries_with_the_same_movies_are_one_kind() -> None:
    rules = read(Answers([("NL", [2]), ("", [1]), ("BE", [2]), ("FR", [1])], {5: "NL", 6: "BE"}))
    assert rules is not None
    assert rules.masks.tolist() == [[True, False, False, False], [True, True, False, False]]
    assert rules.kinds.tolist() == [1, 1]
    assert rules.anywhere.tolist() == [True, True, False, False]


def test_nothing_at_all_is_an_error_that_says_where_to_look() -> None:
    with pytest.raises(UserError, match="Nothing may be shown"):
        read(Answers([("", [9])], {}))
