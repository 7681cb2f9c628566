"""Who is in which arm of an experiment: always the same users, and users like the others."""

from hashlib import blake2b

import numpy as np
import pytest

from python_jobs.errors import UserError
from python_jobs.publishing.arms import balance, gets_challenger, require_balance

IDS = {
    "counted": np.arange(1, 200_001, dtype=np.uint64),
    "in steps": np.arange(0, 200_000 * 1024, 1024, dtype=np.uint64),
    "long": np.random.default_rng(1).integers(2**40, 2**64, 200_000, dtype=np.uint64),
}
PINNED = [3, 6, 7, 10, 14, 15, 17, 21, 25, 26, 30, 33]


def test_a_user_is_in_the_same_arm_for_ever():
    users = np.arange(1, 41, dtype=np.uint64)
    # Written down once: another formula would move users between models in the middle of things.
    chosen = users[gets_challenger(users, "spring", 0.25)]
    assert chosen.tolist() == PINNED
    shuffled = np.random.default_rng(0).permutation(users)
    again = shuffled[gets_challenger(shuffled, "spring", 0.25)]
    assert sorted(again.tolist()) == PINNED


def splitmix64(number: int) -> int:
    """SplitMix64's finaliser as published, in Python's own integers."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % 2**64
    return number ^ (number >> 31)


@pytest.mark.parametrize("user", [1, 42, 2**40 + 5, 2**64 - 1])
def test_a_users_arm_is_decided_by_a_published_hash_to_the_last_bit(user):
    salt = int.from_bytes(blake2b(b"spring", digest_size=8).digest(), "little")
    share = (splitmix64(user ^ salt) >> 11) / 2**53
    users = np.array([user], np.uint64)
    assert not gets_challenger(users, "spring", share)[0]
    assert gets_challenger(users, "spring", share + 2.0**-53)[0]


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_share_of_any_ids_is_as_large_as_asked_for(kind, share):
    for name in ("spring", "summer", "v1-v2", "x"):
        inside = np.count_nonzero(gets_challenger(IDS[kind], name, share))
        spread = np.sqrt(IDS[kind].size * share * (1 - share))
        assert abs(inside - IDS[kind].size * share) < 4 * spread


def test_experiments_of_two_names_have_nothing_to_do_with_each_other():
    users = IDS["counted"]
    both = gets_challenger(users, "spring", 0.5) & gets_challenger(users, "summer", 0.5)
    assert np.count_nonzero(both) / users.size == pytest.approx(0.25, abs=0.005)


def test_a_larger_share_keeps_the_users_of_a_smaller_one():
    users = IDS["counted"]
    small, large = (gets_challenger(users, "spring", share) for share in (0.1, 0.3))
    assert np.all(large[small])
    assert np.count_nonzero(large) > np.count_nonzero(small)


def test_arms_that_are_not_alike_are_refused():
    users = IDS["counted"][:5_000]
    activity = np.random.default_rng(2).geometric(0.05, users.size)
    fair = balance(users, activity, "spring", 0.1)
    require_balance(fair, "spring")
    assert fair.champion + fair.challenger == users.size
    busier = activity + 20 * gets_challenger(users, "spring", 0.1)
    assert balance(users, busier, "spring", 0.1).activity_deviation > 4
    with pytest.raises(UserError, match="not alike before it begins"):
        require_balance(balance(users, busier, "spring", 0.1), "spring")
    chosen = users[gets_challenger(users, "spring", 0.1)]
    lopsided = np.concatenate([chosen, users[:100]])
    with pytest.raises(UserError, match="not alike before it begins"):
        require_balance(balance(lopsided, np.ones(lopsided.size, int), "spring", 0.1), "spring")


def test_an_arm_without_users_is_refused():
    users = np.arange(1, 4, dtype=np.uint64)
    with pytest.raises(UserError, match="nothing to compare"):
        require_balance(balance(users, np.ones(3, int), "spring", 0.001), "spring")
    with pytest.raises(UserError) as alone:
        require_balance(balance(users[:1], np.ones(1, int), "spring", 0.5), "spring")
    assert "two users at least" in alone.value.hint
