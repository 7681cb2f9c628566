"""Tastes that are planted, so that the right recommendations are known."""

import numpy as np
from scipy.sparse import csr_matrix

from python_jobs.model.factorization import factorize
from python_jobs.model.settings import Settings
from python_jobs.ranking.top_n import top_n

BLOCKS, USERS_PER_BLOCK, MOVIES_PER_BLOCK = 4, 30, 12


def test_users_of_a_block_are_recommended_the_movies_of_that_block():
    random = np.random.default_rng(5)
    users = np.arange(BLOCKS * USERS_PER_BLOCK) // USERS_PER_BLOCK
    movies = np.arange(BLOCKS * MOVIES_PER_BLOCK) // MOVIES_PER_BLOCK
    same = users[:, np.newaxis] == movies
    # Two thirds of the own block are seen, and a little of everything else.
    seen = random.random(same.shape) < np.where(same, 0.67, 0.02)
    scores = (seen * random.integers(3, 7, same.shape)).astype(np.float32)
    fitted = factorize(csr_matrix(scores), Settings(max_components=BLOCKS))
    lists, _ = top_n(fitted.W, fitted.H, csr_matrix(scores), n=1)
    has_unseen = (same & ~seen).any(axis=1)
    recommended = movies[lists[has_unseen, 0]]
    assert has_unseen.sum() > 100
    assert (recommended == users[has_unseen]).all()
