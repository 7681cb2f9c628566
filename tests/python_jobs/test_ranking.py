"""Top-N against a dense sort, bit for bit, and the same bits however the work is divided."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from python_jobs import compiled
from python_jobs.ranking.top_n import TopN, top_n, top_n_blocks

Factors = tuple[NDArray[np.float32], NDArray[np.float32], csr_matrix]


def make(
    users: int,
    movies: int,
    k: int,
    density: float = 0.1,
    levels: int = 0,
    signed: bool = False,
    seed: int = 0,
) -> Factors:
    """Random factors and seen movies; a few ``levels`` of value make many equal scores."""
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, size=(users, k)), rng.gamma(0.5, size=(k, movies))
    H *= rng.permutation(1 / np.arange(1, movies + 1))  # a few popular movies, and a long tail
    if signed:
        W, H = W * rng.choice([-1, 1], W.shape), H * rng.choice([-1, 1], H.shape)
    if levels:
        W, H = np.round(W * levels), np.round(H * levels * 8)
    seen = csr_matrix(rng.random((users, movies)) < density)
    return W.astype(np.float32), H.astype(np.float32), seen


def dense_scores(W: NDArray[np.float32], H: NDArray[np.float32]) -> NDArray[np.float32]:
    """W × H in float32, feature after feature."""
    scores = np.zeros((W.shape[0], H.shape[1]), np.float32)
    for f in range(W.shape[1]):
        scores += W[:, f, None] * H[f]
    return scores


def sort_everything(
    W: NDArray[np.float32], H: NDArray[np.float32], seen: csr_matrix, n: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    scores = dense_scores(W, H)
    movies = np.full((W.shape[0], n), -1, np.int32)
    values = np.full((W.shape[0], n), -np.inf, np.float32)
    for u in range(W.shape[0]):
        unseen = np.setdiff1d(np.arange(H.shape[1]), seen.indices[slice(*seen.indptr[u : u + 2])])
        best = unseen[np.lexsort((unseen, -scores[u, unseen]))][:n]
        movies[u, : best.size] = best
        values[u, : best.size] = scores[u, best]
    return movies, values


@settings(deadline=None, max_examples=150)
@given(
    users=st.integers(1, 9),
    movies=st.one_of(st.integers(1, 40), st.sampled_from([511, 512, 513, 1300])),
    k=st.integers(1, 20),
    n=st.integers(1, 60),
    density=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    levels=st.sampled_from([0, 1, 2]),
    signed=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_a_dense_sort(
    users: int,
    movies: int,
    k: int,
    n: int,
    density: float,
    levels: int,
    signed: bool,
    seed: int,
) -> None:
    W, H, seen = make(users, movies, k, density, levels, signed, seed)
    expected_movies, expected_scores = sort_everything(W, H, seen, n)
    best, scores = top_n(W, H, seen, n)
    np.testing.assert_array_equal(best, expected_movies)
    np.testing.assert_array_equal(scores, expected_scores)


def test_scores_are_w_times_h() -> None:
    W, H, seen = make(50, 900, 13)
    best, scores = top_n(W, H, seen, 20)
    exact = np.take_along_axis(W.astype(np.float64) @ H.astype(np.float64), best, axis=1)
    np.testing.assert_allclose(scores, exact, rtol=1e-6)


def test_equal_scores_go_by_movie() -> None:
    """Every score is equal, across blocks, whatever the norms say about the order of scoring."""
    H = np.ones((2, 1200), np.float32)
    H[1] = np.random.default_rng(1).random(1200)
    W = np.array([[1, 0], [0, 0]], np.float32)
    best, _ = top_n(W, H, csr_matrix(([1.0], ([0], [1])), shape=(2, 1200)), 4)
    assert best.tolist() == [[0, 2, 3, 4], [0, 1, 2, 3]]


def test_no_winner_is_passed_over_with_a_block_of_movies() -> None:
    """Equal norms, factors of both signs: a winner is as likely in any block as in another."""
    rng = np.random.default_rng(2)
    W, H = (rng.normal(size=shape).astype(np.float32) for shape in ((200, 3), (3, 6000)))
    H /= np.linalg.norm(H, axis=0)
    seen = csr_matrix(rng.random((200, 6000)) < 0.01)
    best, scores = top_n(W, H, seen, 2)
    expected_movies, expected_scores = sort_everything(W, H, seen, 2)
    np.testing.assert_array_equal(best, expected_movies)
    np.testing.assert_array_equal(scores, expected_scores)


def test_lists_are_shorter_for_users_who_have_seen_nearly_everything() -> None:
    seen = csr_matrix(np.array([[1, 1, 1], [1, 0, 1], [0, 0, 0]]))
    W, H = np.ones((3, 1), np.float32), np.array([[1, 2, 3]], np.float32)
    (block,) = top_n_blocks(W, H, seen, 10)
    assert block.users.tolist() == [1, 2, 2, 2]
    assert block.movies.tolist() == [1, 2, 1, 0]
    assert block.ranks.tolist() == [1, 1, 2, 3]
    assert block.scores.tolist() == [2, 3, 2, 1]
    assert [column.dtype for column in vars(block).values()] == [
        np.int32,
        np.int32,
        np.uint16,
        np.float32,
    ]


def columns(blocks: list[TopN]) -> list[bytes]:
    names = ("users", "movies", "ranks", "scores")
    return [np.concatenate([getattr(b, name) for b in blocks]).tobytes() for name in names]


def test_the_same_bits_in_any_blocks_and_on_any_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    W, H, seen = make(700, 800, 11, levels=2)
    whole = columns(list(top_n_blocks(W, H, seen, 15)))
    for users_per_block in (1, 97, 699, 700):
        assert columns(list(top_n_blocks(W, H, seen, 15, users_per_block))) == whole
    for number in (1, 2, 5):
        monkeypatch.setenv("NUMBA_NUM_THREADS", str(number))
        monkeypatch.setattr(compiled, "USERS_PER_SPAN", 50 * number)
        assert columns(list(top_n_blocks(W, H, seen, 15))) == whole


def test_memory_does_not_grow_with_the_users() -> None:
    def peak(users: int) -> int:
        W, H, seen = make(users, 300, 4)
        tracemalloc.start()
        try:
            for _ in top_n_blocks(W, H, seen, 50, users_per_block=500):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(500)  # compiles
    assert peak(10_000) < 1.2 * peak(1_000)


def test_one_user_alone_equals_that_user_in_the_batch() -> None:
    W, H, seen = make(300, 800, 11)
    best, scores = top_n(W, H, seen, 15)
    for u in (0, 123, 299):
        alone = top_n(W[[u]], H, seen[[u]], 15)
        assert alone[0].tobytes() == best[u].tobytes()
        assert alone[1].tobytes() == scores[u].tobytes()


def test_takes_arrays_as_they_come_from_disk() -> None:
    """Read-only, Fortran-ordered or 64-bit inputs give the same, and compile nothing again."""
    from python_jobs.ranking.top_n_kernel import rank_users

    W, H, seen = make(40, 300, 5)
    expected = top_n(W, H, seen, 9)
    before = list(rank_users.signatures)  # type: ignore[attr-defined]
    W = np.asfortranarray(W)
    seen.indptr, seen.indices = seen.indptr.astype(np.int64), seen.indices.astype(np.int64)
    for array in (W, H, seen.indptr, seen.indices):
        array.flags.writeable = False
    for have, want in zip(top_n(W, H, seen, 9), expected, strict=True):
        assert have.tobytes() == want.tobytes()
    assert list(rank_users.signatures) == before  # type: ignore[attr-defined]


def test_no_users() -> None:
    W, H, seen = make(3, 5, 2)
    assert top_n(W[:0], H, seen[:0], 4)[0].shape == (0, 4)
    assert list(top_n_blocks(W[:0], H, seen[:0], 4)) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_refuses_factors_that_are_not_finite(bad: float, which: int) -> None:
    W, H, seen = make(4, 6, 2)
    (W, H)[which][1, 1] = bad
    with pytest.raises(ValueError, match="not finite"):
        top_n(W, H, seen, 3)


def test_refuses_factors_whose_product_is_not_finite() -> None:
    W, H = np.full((1, 2), 1e20, np.float32), np.full((2, 1), 1e19, np.float32)
    with pytest.raises(ValueError, match="too large to multiply"):
        top_n(W, H, csr_matrix((1, 1)), 3)


def test_refuses_what_does_not_fit() -> None:
    W, H, seen = make(4, 6, 2)
    with pytest.raises(ValueError, match="users × k and k × movies"):
        top_n(W, H.T, seen, 3)
    with pytest.raises(ValueError, match=r"seen is \(4, 6\)"):
        top_n(W[:3], H, seen, 3)
    with pytest.raises(ValueError, match="n is 0"):
        top_n(W, H, seen, 0)
    with pytest.raises(ValueError, match="users_per_block is 0"):
        top_n_blocks(W, H, seen, 3, users_per_block=0)
    with pytest.raises(ValueError, match="ranks go up to 65535"):
        top_n_blocks(W, np.ones((2, 70_000), np.float32), csr_matrix((4, 70_000)), 66_000)


def test_the_import_is_cheap() -> None:
    code = (
        "import sys\n"
        "from python_jobs.ranking.top_n import explanations, similarity, top_n\n"
        "sys.exit('numba' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_directory_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    """No __pycache__ and no cache directory: compiled in memory, with the same result."""
    package = tmp_path / "python_jobs"
    (package / "ranking").mkdir(parents=True)
    for name in ("__init__.py", "compiled.py", "ranking/__init__.py", "ranking/top_n_kernel.py"):
        (package / name).write_bytes((Path(compiled.__file__).parent / name).read_bytes())
    (package / "ranking/__pycache__").write_text("a file where numba wants a directory")
    code = (
        "import numpy as np\n"
        "from python_jobs.ranking.top_n_kernel import any_reaches\n"
        "assert any_reaches.stats.cache_path is None, any_reaches.stats\n"
        "assert any_reaches(np.ones(3, np.float32), np.float32(1))\n"
    )
    environment = {"PYTHONPATH": str(tmp_path), "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
