"""The sizes that are measured, and how concentrated interactions are at each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """A catalogue, its users and how much they did."""

    name: str
    users: int
    movies: int
    interactions: int
    """How many are aimed at; a few users have seen all that they would, so that it is a few less.
    """
    flatness: float
    """Share of the catalogue over which popularity is nearly flat before it falls: the q of
    Mandelbrot's law, in catalogues. The smaller, the more of all interactions the hits have."""


WARM_UP = Size("warm-up", 940, 1_680, 100_000, 0.16)
"""Compiles the kernels and warms the disk's cache; not reported."""
SIZES = {
    size.name: size
    for size in (
        # The shapes of MovieLens 1M, MovieLens 20M and the Netflix Prize.
        Size("1m", 6_040, 3_700, 1_000_000, 0.16),
        Size("20m", 138_000, 27_000, 20_000_000, 0.02),
        Size("100m", 480_000, 17_770, 100_000_000, 0.03),
    )
}
USUAL = SIZES["1m"]
"""The largest size that the usual recipe is run at."""
LARGE = SIZES["20m"]
