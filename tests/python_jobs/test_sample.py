"""The sample: its script makes it again byte for byte, and the mart is what it says."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.python_jobs.conftest import REPOSITORY, Project

SEEDS = REPOSITORY / "seeds"


def rows(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"sample_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_script_makes_the_seeds_again(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "seeds.make_sample", str(tmp_path)], cwd=REPOSITORY, check=True
    )
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in SEEDS.glob("*.csv")}


def test_the_mart_is_the_sample_counted_in_python(built_project: Project) -> None:
    users = {row["user_id"] for row in rows("users")}
    movies = {row["movie_id"] for row in rows("movies")}

    def known(row: dict[str, str]) -> bool:
        return row["user_id"] in users and row["movie_id"] in movies

    ratings = [row for row in rows("ratings") if known(row) and 0 < float(row["rating"]) <= 5]
    watches = [row for row in rows("watched_movies") if known(row)]
    latest: dict[tuple[int, int], float] = {}
    for row in sorted(ratings, key=lambda row: (row["rated_at"], float(row["rating"]))):
        latest[int(row["user_id"]), int(row["movie_id"])] = float(row["rating"])
    watched = Counter((int(row["user_id"]), int(row["movie_id"])) for row in watches)
    expected = [
        [*cell, latest.get(cell), watched[cell], latest.get(cell, 0.0) + (watched[cell] > 0)]
        for cell in sorted(latest.keys() | watched.keys())
    ]

    mart, rejected = built_project.queries(
        "select user_id, movie_id, rating, watch_count, interaction_score "
        "from analytics.mart_user_movie_matrix order by user_id, movie_id",
        "select problem, count() from staging.int_interaction_events where not is_usable "
        "group by problem order by problem",
    )
    assert mart == expected
    assert rejected == [["rating outside (0, 5]", 3], ["unknown movie", 2], ["unknown user", 3]]
