"""The arms of an experiment: which users get which model's lists, and whether the arms are alike.

A user's arm is decided by a hash of the user's id and the experiment's name. It is the same in
every publication of the experiment, whoever else comes or goes, and has nothing to do with the
user's arm in an experiment of another name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from python_jobs.errors import UserError

CHAMPION_ARM, CHALLENGER_ARM = "champion", "challenger"
"""What ``ml.recommendations.arm`` says; it is empty where there is no experiment."""
LARGEST_DEVIATION = 4.0
"""Standard deviations by which the arms may differ; chance alone does it once in 16,000 names."""


@dataclass(frozen=True)
class Balance:
    """How the users fell."""

    champion: int
    challenger: int
    """Users in each arm."""
    size_deviation: float
    """By how many standard deviations the challenger's arm is larger than asked for."""
    activity_deviation: float
    """By how many its users have done more than the others; on logarithms, since few do most."""


def gets_challenger(user_ids: NDArray[np.uint64], name: str, share: float) -> NDArray[np.bool_]:
    """Return which users are in the challenger's arm.

    Parameters
    ----------
    user_ids
        Users, in any order.
    name
        The experiment's name.
    share
        Share of the users who get the challenger's lists, 0 to 1. A larger share keeps all users of
        a smaller one.
    """
    salt = np.uint64(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little"))
    # The finaliser of SplitMix64: every bit of the id changes half of the bits that come out.
    mixed = user_ids.astype(np.uint64) ^ salt
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)) / 2.0**53 < share)


def balance(
    user_ids: NDArray[np.uint64], activity: NDArray[np.int64], name: str, share: float
) -> Balance:
    """Return how users fall into the arms.

    Parameters
    ----------
    user_ids, activity
        Users, and how many movies each has interacted with.
    name, share
        As for :func:`gets_challenger`.
    """
    chosen = gets_challenger(user_ids, name, share)
    count, inside = user_ids.size, int(np.count_nonzero(chosen))
    spread = math.sqrt(max(count * share * (1 - share), 1e-12))
    done = np.log1p(activity)
    groups = (done[chosen], done[~chosen])
    activity_deviation = 0.0
    if all(group.size > 1 for group in groups):
        error = math.sqrt(sum(group.var(ddof=1) / group.size for group in groups))
        activity_deviation = float(groups[0].mean() - groups[1].mean()) / error if error else 0.0
    return Balance(count - inside, inside, (inside - count * share) / spread, activity_deviation)


def require_balance(found: Balance, name: str) -> None:
    """Refuse an experiment whose arms are not alike before it has begun.

    Raises
    ------
    UserError
        If an arm has no users, is far from the share that was asked for, or has users who were far
        more or less active than those of the other.
    """
    if not found.champion or not found.challenger:
        raise UserError(
            f"In the experiment {name!r} {found.champion:,} users would get the champion's lists "
            f"and {found.challenger:,} the challenger's: there would be nothing to compare.",
            "An experiment wants two users at least. Nothing was published."
            if found.champion + found.challenger < 2
            else "Give another --experiment-share or --experiment-name: the users fall differently "
            "then. Nothing was published.",
        )
    if max(abs(found.size_deviation), abs(found.activity_deviation)) > LARGEST_DEVIATION:
        raise UserError(
            f"The arms of the experiment {name!r} are not alike before it begins: the challenger's "
            f"has {found.challenger:,} users, {found.size_deviation:+.1f} standard deviations from "
            f"its share, and their activity is {found.activity_deviation:+.1f} from the others'.",
            "Give another --experiment-name: the users fall differently then. Nothing was "
            "published.",
        )
