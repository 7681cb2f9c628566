"""The words of docs/benchmarks.md that do not depend on the figures."""

from __future__ import annotations

INTRODUCTION = """
How long the pipeline takes and how much memory, on made-up but lifelike data, beside the usual
recipe and implicit. `make bench` measures it anew at 1 M and 20 M interactions and writes this
page, as measured, wins and losses; `make bench-full` measures 100 M as well. Measured
{measured_at} UTC on:
"""

ABOUT_USUAL = """
The usual recipe is `pivot_table`, scikit-learn's NMF on the dense float64 matrix with the same
rank, seed, initialisation and iterations, errors over all cells of W × H, and a loop over users
that sorts a pandas Series of the unseen movies. It reads the same mart through the same client,
in a process of its own. *read* makes our matrix as it goes, so reading is counted on both sides.
Both start from the same random numbers, rounded to float32 here; the errors are compared twice,
the same factors by our formulas and by the dense product, and each recipe's own factors.

It cannot do 20 M: {users:,} × {movies:,} cells of 8 bytes are {dense:.1f} GiB, and it needs three
such arrays at once (the matrix, the product, and their difference), {three:.0f} GiB, besides the
DataFrame that `pivot_table` makes first. The sparse matrix is 0.15 GiB.
"""

ABOUT_PEERS = """
Everyone's 20 best unseen movies from the same W and H, with all cores, after a first call on ten
users. A list is identical where its movies are, in order; tied where movies differ but the score
at every rank is the same within a relative 1e-5, which is float32's rounding of a sum of ten
products in another order; other lists are different. implicit's ALS is fitted on the same matrix
at the same rank with its defaults (15 iterations): another model, whose lists are compared in
quality and not here. scikit-learn's NMF has our settings and the matrix as SciPy has it; its
factors are the same as ours where every bit is.
"""

ABOUT_START = """
300 users and 200 movies, so that there is next to no work. While dbt reads the project in a process
of its own, on another core, the command imports what it needs; then it opens ClickHouse and MLflow.
The last row is what nobody can do without: the same libraries, imported by a program that does
nothing else and, like ours, keeps Python's garbage collector out of it.
"""

ABOUT_DATA = """
ClickHouse makes it with SQL from hashes, the same every time (`benchmarks/generate.py`):
log-normal activity with at least 20 interactions each, popularity by Mandelbrot's law as
concentrated as in MovieLens 1M, MovieLens 20M and the Netflix Prize, twenty planted tastes of
which every user has two, half-star ratings, no watch events. The shapes are those of these data
sets. Then the real commands run in a scratch project on the embedded target:

```
dbt run --select +mart_user_movie_matrix +mart_users
python_jobs train --no-evaluate --top 20
dbt run --select source:recommender+
```
"""

ABOUT_FIGURES = """
- Commands are whole processes, start-up, imports and dbt's parsing included, by the kernel's own
  account of each (`wait4`). Phases are what `train` logs in MLflow.
- Peak memory of a phase is the highest resident memory of the process up to its end; it never
  falls. About 0.3 GiB of every process is ClickHouse's library, mapped from disk.
- A limit is what this machine needs at the very least: the longer of copying the bytes once and an
  sgemm of as many operations. For dbt it is a copy of the rows read and written; for *read* of the
  CSR arrays; for *fit*, in each iteration, the two products with the sparse matrix; for *metrics*
  and *explain* a product of length k for each cell; for *score* W × H; for *similar* Hᵀ × H; for
  *log* and *publish* a copy of what is written. Phases can be below it: *score* passes over blocks
  of movies that cannot matter.
- *log* is MLflow's writing of the model and the run. The compiled kernels are loaded in the start.
- Each figure is one run after a warm-up of 100 k interactions, so that a few per cent are noise.
"""
