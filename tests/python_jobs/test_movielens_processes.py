"""A load as a process: killed, measured, over a server's own wire, and as the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from python_jobs.errors import UserError
from python_jobs.movielens.loading import load
from python_jobs.movielens.release import Release
from python_jobs.progress import Phases
from tests.python_jobs.conftest import REPOSITORY
from tests.python_jobs.documented_server import Own
from tests.python_jobs.loader import STEPS, warehouse_of
from tests.python_jobs.movielens_files import MOVIES, RATINGS, write_csv, zipped


@pytest.fixture
def release(tmp_path):
    directory = tmp_path / "release"
    directory.mkdir()
    return directory


def run_loader(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.python_jobs.loader", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def contents(database):
    """Return what another process finds: the rows of each raw table, and which others there are."""
    done = run_loader(database)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


OLD = {"users": 3, "movies": 6, "ratings": 6, "watched_movies": 0, "rejected_lines": 0}
NEW = {"users": 1, "movies": 2, "ratings": 1, "watched_movies": 0, "rejected_lines": 0}
HALF = {**OLD, "users": 1, "movies": 2}
LEFT = {
    "with one block staged": OLD,
    "with everything staged": OLD,
    "before the swap": OLD,
    "halfway through the swap": HALF,
    "after the swap": NEW,
}


@pytest.fixture(scope="module")
def crashed_database(tmp_path_factory):
    """One database for all the crashes, so that each finds what the ones before left behind."""
    directory = tmp_path_factory.mktemp("crashed")
    write_csv(directory)
    assert run_loader(directory / "database", directory).returncode == 0
    return directory / "database"


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_load_leaves_whole_tables(crashed_database, release, step):
    write_csv(release, movies=MOVIES[:2], ratings=RATINGS[:1])
    assert run_loader(crashed_database, release, step).returncode == -signal.SIGKILL
    assert contents(crashed_database)["rows"] == LEFT[step]
    if step == "halfway through the swap":
        # Put right by the next load, before it does anything else: this one fails at once.
        (release / "ratings.csv").write_text("no header")
        assert run_loader(crashed_database, release).returncode == 1
        assert contents(crashed_database) == {"rows": NEW, "others": []}


def test_the_next_load_cleans_up(crashed_database, release):
    write_csv(release)
    assert run_loader(crashed_database, release).returncode == 0
    assert contents(crashed_database) == {"rows": OLD, "others": []}


def test_memory_does_not_grow_with_the_file(tmp_path):
    line = b"%d,1,4.0,964982703\n"
    mebibyte = b"".join(line % user for user in range(1, 54_000))[: 1 << 20]
    mebibyte = mebibyte[: mebibyte.rindex(b"\n") + 1]
    peaks = []
    for size in (16, 144):
        directory = tmp_path / str(size)
        directory.mkdir()
        write_csv(directory)
        with (directory / "ratings.csv").open("ab") as file:
            for _ in range(size):
                file.write(mebibyte)
        done = run_loader(directory / "database", directory)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    small, large = peaks
    # In memory once, the file would add 128; parsed, several times that. What is left to grow are
    # ClickHouse's background merges.
    assert large - small < 128, peaks


def test_a_server_is_loaded_over_its_own_wire(release, tmp_path):
    server = Own(directory=tmp_path)
    server.start()
    try:
        client = server.client("loader", server.users["loader"]["password"])
        write_csv(release)
        warehouse = warehouse_of(client, kind="clickhouse")
        load(warehouse, Release(release), Phases(), block_bytes=100)
        # What a load made, the next one may replace; what someone else made, only if told to.
        load(warehouse, Release(release), Phases())
        client.command("drop table raw.watched_movies")
        client.command(
            "create table raw.watched_movies (user_id UInt32, movie_id UInt32, watched_at Date) "
            "engine = MergeTree order by user_id as select 1, 2, today()"
        )
        with pytest.raises(UserError, match="1 rows that no MovieLens load put there"):
            load(warehouse, Release(release), Phases())
        assert client.command("select count() from raw.watched_movies") == 1
        load(warehouse, Release(release), Phases(), replace_any=True)
        assert client.command("select count() from raw.watched_movies") == 0
        assert client.command("select count() from raw.ratings") == len(RATINGS)
        assert client.query("select title from raw.movies order by movie_id").result_rows == [
            (title,) for _, title, _ in MOVIES
        ]
    finally:
        server.stop()


def test_the_command_loads_and_what_follows_runs_as_it_is(empty_project, tmp_path):
    project = empty_project.copy(tmp_path / "project")
    directory = tmp_path / "ml-small"
    directory.mkdir()
    movies = [(movie, f"Film {movie} (1999)", ("Drama",)) for movie in range(1, 21)]
    ratings = [
        (user, 1 + (user * step) % 20, 0.5 + step % 5, 964982703 + step)
        for user in range(1, 31)
        for step in range(1, 9)
    ]
    write_csv(directory, movies, ratings)
    release, broken = str(zipped(directory, tmp_path / "ml.zip")), str(directory / "ratings.csv")
    commands = (
        ["load-movielens", release],
        ["dbt", "run"],
        ["train", "--max-iter", "20"],
        ["load-movielens", broken],
    )
    loaded, built, trained, failed = project.many(commands)
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stderr == ""
    assert "ratings.csv    240" in loaded.stdout
    assert built.returncode == 0, built.stdout
    assert trained.returncode == 0, trained.stderr
    assert "30 users × 20 movies" in trained.stdout
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: ")
    assert "neither a directory nor a whole zip" in failed.stderr
