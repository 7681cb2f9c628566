"""The compiled loops of NMF: products of the stored cells with factors, and coordinate descent.

Each sum is made in the order in which SciPy and scikit-learn make it, without fused multiply-adds,
so that the factors have scikit-learn's bits. What is faster is that :data:`WIDTH` features of a
cell, and the same feature of many rows, are computed at a time. For the first, factors lie in rows
that are padded with zeros to a multiple of that. The compiler does not find it out by itself, so
that a vector of numbers is a type of its own here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model
from numpy.typing import NDArray

from python_jobs.compiled import FLOATS, INTS, LONGS, compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]

WIDTH = 16
"""Numbers of a vector: 64 bytes, which is a line of the cache, and one or two registers."""
ROWS = 128
"""Rows that descend together: with k = 80 their factors still fit the first-level cache."""
FACTORS = types.float32[:, ::1]


class Lanes(types.Type):  # type: ignore[misc]
    """A vector of :data:`WIDTH` float32."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({WIDTH})")


LANES = Lanes()
VECTOR = ir.VectorType(ir.FloatType(), WIDTH)


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    """Lanes are what the compiler calls a vector."""

    def __init__(self, manager: Any, front_end_type: Any) -> None:
        super().__init__(manager, front_end_type, VECTOR)


def _place(context: Any, builder: Any, array_type: Any, array: Any, unit: Any) -> Any:
    """Return the address of a vector in a C-contiguous array of float32, counted in vectors."""
    data = context.make_array(array_type)(context, builder, array).data
    first = builder.mul(unit, ir.Constant(unit.type, WIDTH))
    return builder.bitcast(builder.gep(data, [first]), VECTOR.as_pointer())


@intrinsic  # type: ignore[untyped-decorator]
def zeros(typing: Any) -> Any:  # noqa: ARG001
    """Return a vector of zeros."""
    return LANES(), lambda _context, _builder, _signature, _: ir.Constant(VECTOR, [0.0] * WIDTH)


@intrinsic  # type: ignore[untyped-decorator]
def load(typing: Any, array: Any, unit: Any) -> Any:  # noqa: ARG001
    """Return the unit-th vector of an array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        loaded = builder.load(_place(context, builder, signature.args[0], *arguments))
        loaded.align = 4
        return loaded

    return LANES(array, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, array: Any, unit: Any, lanes: Any) -> Any:  # noqa: ARG001
    """Set the unit-th vector of an array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], place).align = 4
        return context.get_dummy_value()

    return types.void(array, types.int64, LANES), generate


@intrinsic  # type: ignore[untyped-decorator]
def plus_times(typing: Any, lanes: Any, factor: Any, others: Any) -> Any:  # noqa: ARG001
    """Return lanes + factor × others, rounded after each of the two."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        lanes, factor, others = arguments
        nothing = ir.Constant(VECTOR, ir.Undefined)
        first = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        one = builder.insert_element(nothing, factor, ir.Constant(ir.IntType(32), 0))
        same = builder.shuffle_vector(one, nothing, first)
        return builder.fadd(lanes, builder.fmul(same, others))

    return LANES(LANES, types.float32, LANES), generate


@compiled(types.void(LONGS, INTS, FLOATS, FACTORS, FACTORS))
def add_up_users(
    indptr: Offsets, indices: Ints, data: Floats, movies: Floats, sums: Floats
) -> None:
    """Set sums to V × movies, row by row; both are padded. ``indptr`` may be of some of the users.

    Cells are counted unsigned, since an index that may count from the end costs a comparison.
    """
    units = movies.shape[1] // WIDTH
    for u in range(sums.shape[0]):
        for unit in range(units):
            total = zeros()
            for c in range(np.uint64(indptr[u]), np.uint64(indptr[u + 1])):
                movie = np.int64(indices[c])
                total = plus_times(total, data[c], load(movies, movie * units + unit))
            store(sums, u * units + unit, total)


@compiled(types.void(LONGS, INTS, FLOATS, FACTORS, FACTORS))
def add_up_movies(
    indptr: Offsets, indices: Ints, data: Floats, users: Floats, sums: Floats
) -> None:
    """Add Vᵀ × users to sums; both are padded. V may have some of the movies' cells only."""
    units = users.shape[1] // WIDTH
    for u in range(users.shape[0]):
        for unit in range(units):
            theirs = load(users, u * units + unit)
            for c in range(np.uint64(indptr[u]), np.uint64(indptr[u + 1])):
                at = np.int64(indices[c]) * units + unit
                store(sums, at, plus_times(load(sums, at), data[c], theirs))


@compiled(types.void(LONGS, INTS, types.int64, types.int64, types.int64[::1], types.int64[::1]))
def find_cells(
    indptr: Offsets, indices: Ints, first: int, after: int, begin: Offsets, counts: Offsets
) -> None:
    """Find each user's cells of the movies from first to before after: where, and how many."""
    for u in range(begin.size):
        c, end = indptr[u], indptr[u + 1]
        while c < end and indices[c] < first:
            c += 1
        begin[u] = c
        while c < end and indices[c] < after:
            c += 1
        counts[u] = c - begin[u]


@compiled(types.void(LONGS, LONGS, INTS, FLOATS, types.int32[::1], types.float32[::1]))
def copy_cells(
    begin: Offsets, indptr: Offsets, indices: Ints, data: Floats, to: Ints, values: Floats
) -> None:
    """Copy each user's cells from where they begin to where ``indptr`` has them."""
    for u in range(begin.size):
        c = begin[u]
        for at in range(indptr[u], indptr[u + 1]):
            to[at], values[at] = indices[c], data[c]
            c += 1


@compiled("void(f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], i8)")
def descend(factors: Floats, gram: Floats, targets: Floats, violations: Floats, first: int) -> None:
    """Improve rows of factors in place, as scikit-learn's ``_update_cdnmf_fast`` does.

    Parameters
    ----------
    factors, targets
        Rows × k, padded; the rows are independent of each other.
    gram
        k × k.
    violations
        k × all rows: filled with the size of each projected gradient.
    first
        Which of all rows the first one is.
    """
    k, rows = gram.shape[0], factors.shape[0]
    x, y = np.empty((k, ROWS), np.float32), np.empty((k, ROWS), np.float32)
    gradient = np.empty(ROWS, np.float32)
    for start in range(0, rows, ROWS):
        count = min(ROWS, rows - start)
        for i in range(count):
            for f in range(k):
                x[f, i] = factors[start + i, f]
                y[f, i] = targets[start + i, f]
        for f in range(k):
            for i in range(count):
                gradient[i] = -y[f, i]
            for g in range(k):
                weight = gram[f, g]
                for i in range(count):
                    gradient[i] += weight * x[g, i]
            hessian = gram[f, f]
            moved, size = x[f], violations[f]
            for i in range(count):
                slope = gradient[i]
                size[first + start + i] = abs(min(slope, np.float32(0)) if moved[i] == 0 else slope)
            if hessian != 0:
                for i in range(count):
                    moved[i] = max(moved[i] - gradient[i] / hessian, np.float32(0))
        for i in range(count):
            for f in range(k):
                factors[start + i, f] = x[f, i]


@compiled("f4(f4[:, ::1])")
def total(violations: Floats) -> np.float32:
    """Add them up in float32, one after the other: when the fit ends depends on it."""
    found = np.float32(0)
    for f in range(violations.shape[0]):
        for i in range(violations.shape[1]):
            found += violations[f, i]
    return found
