"""Both dashboards, as a reader's browser shows them, from the first start to the fiftieth run.

The README's pictures are left where PICTURES says, or in target/dashboards, and all others there.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.conftest import OURS, Dashboards, made
from tests.dashboards.reader import Reader
from tests.python_jobs.conftest import REPOSITORY, SCRIPTS
from tests.python_jobs.documented_server import Own
from tests.python_jobs.test_dashboards import DASHBOARDS, placed

PICTURES = REPOSITORY / os.environ.get("PICTURES", "target/dashboards")
LEFT = REPOSITORY / "target" / "dashboards"
RECOMMENDATIONS, HEALTH = "recommendations", "recommender-health"
CALLS = {
    dashboard["slug"]: len(placed(dashboard))
    + len(dashboard["metadata"]["native_filter_configuration"])
    for dashboard in DASHBOARDS.values()
}
"""How often each dashboard asks for data: for its charts and for its filters' values."""
OF_A_USER = ("mart_users", "mart_user_recommendations", "mart_user_history", "mart_user_genres")
REFUSED = "kind = 'refused'"
MANY = """
insert into ml.training_runs select live.* replace (
    concat('run', toString(number)) as run_id,
    concat('run', toString(number)) as mlflow_run_id,
    toString(number + 100) as model_version,
    published_at - interval (number + 1) day as published_at,
    mapUpdate(metrics, map('ndcg_at_10', 0.4 + number % 7 / 50)) as metrics
) from (select * from ml.current_run) as live cross join numbers(48) as numbers
"""


@pytest.fixture
def reader(browser: Any) -> Any:
    page = browser.new_page()
    yield Reader(page)
    page.close()


def assert_whole(reader: Reader, slug: str, without_rows: int = 0) -> None:
    """Every chart has its data, no error is shown, and nobody else was asked for anything."""
    assert reader.failed() == []
    assert len(reader.answers) == CALLS[slug]
    empty = [one.queries for one in reader.answers if not any(one.rows)]
    assert len(empty) == without_rows, empty
    assert reader.errors() == []
    assert reader.elsewhere == []


def profile_of(reader: Reader) -> Any:
    """Return what the chart of a user's profile got; the filter asks the same mart for values."""
    [profile] = [one for one in reader.of("mart_users") if "last_interacted_at" in one.queries[0]]
    return profile.data[0]


def test_the_first_start_says_where_and_who_and_ends_with_control_c(
    first_start: Dashboards,
) -> None:
    said, last = first_start.first_said, first_start.last_said  # type: ignore[attr-defined]
    assert said.count("/superset/dashboard/") == 2
    assert "log in as editor with the password" in said
    assert first_start.password not in first_start.said  # of the second start
    assert "Traceback" not in last
    assert "SIGKILL" not in last
    kept = [
        path
        for path in (first_start.project.directory / ".dashboards").rglob("*")
        if path.is_file() and first_start.password.encode() in path.read_bytes()
    ]
    assert kept == []


@pytest.mark.parametrize("slug", [RECOMMENDATIONS, HEALTH])
def test_a_dashboard_is_whole(first_start: Dashboards, reader: Reader, slug: str) -> None:
    reader.open(first_start.address(slug), CALLS[slug])
    # Nothing has been refused yet.
    assert_whole(reader, slug, without_rows=1 if slug == HEALTH else 0)
    reader.save(LEFT / f"first_{slug.replace('-', '_')}.png")


def test_another_user_is_picked_and_one_of_whom_nothing_is_known(
    first_start: Dashboards, reader: Reader
) -> None:
    project = first_start.project
    history = "select label from analytics.mart_user_history where user_id = 42"
    liked = {label for (label,) in project.query(history)}
    [[cold]] = project.query("select min(user_id) from analytics.mart_users where movie_count = 0")
    reader.open(first_start.address(RECOMMENDATIONS), CALLS[RECOMMENDATIONS])

    reader.pick("user", "42", len(OF_A_USER))
    [theirs] = reader.of("mart_user_history")
    assert {row["label"] for row in theirs.data[0]} == liked
    [listed] = reader.of("mart_user_recommendations")
    assert [row["rank"] for row in listed.data[0]] == list(range(1, 21))
    assert {row["because"] for row in listed.data[0]} <= liked
    assert [row["user_id"] for row in profile_of(reader)] == [42]
    assert (reader.failed(), reader.errors()) == ([], [])
    reader.save(PICTURES / "dashboard_recommendations.png")

    reader.pick("user", str(cold), len(OF_A_USER))
    [listed] = reader.of("mart_user_recommendations")
    assert {row["because"] for row in listed.data[0]} == {"popular with everyone"}
    assert [row["last_interacted_at"] for row in profile_of(reader)] == [None]
    [theirs] = reader.of("mart_user_history")
    assert theirs.rows == [0]
    assert (reader.failed(), reader.errors(), reader.elsewhere) == ([], [], [])
    reader.save(LEFT / "cold_user.png")


def test_new_runs_show_while_a_reader_polls_and_never_sees_an_error(
    first_start: Dashboards, reader: Reader
) -> None:
    project = first_start.project
    reader.open(first_start.address(HEALTH), CALLS[HEALTH])
    [runs] = [one for one in reader.of("mart_training_runs") if "`n_components`" in one.queries[0]]
    assert runs.rows == [1]
    request = reader.asked
    headers = {**request.headers, "Referer": first_start.address(HEALTH)}

    project.execute(MANY)
    python_jobs, dbt = SCRIPTS / "python_jobs", SCRIPTS / "dbt"
    commands = [
        [python_jobs, "train", "--max-components", "1", "--max-iter", "1"],
        [python_jobs, "pipeline"],
    ]
    assert dbt.exists()
    codes, statuses = [], []
    for command in commands:
        with subprocess.Popen(
            list(map(str, command)),
            cwd=project.directory,
            env=project.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while process.poll() is None:
                answer = reader.page.request.post(
                    request.url, data=request.post_data, headers=headers
                )
                statuses.append(answer.status)
                reader.page.wait_for_timeout(100)
        codes.append(process.returncode)
    assert codes == [3, 0]
    assert len(statuses) > 50
    assert set(statuses) == {200}

    reader.open(first_start.address(HEALTH), CALLS[HEALTH])
    assert_whole(reader, HEALTH)
    [runs] = [one for one in reader.of("mart_training_runs") if "`n_components`" in one.queries[0]]
    kinds = [(row["status"], row["kind"]) for row in runs.data[0]]
    assert kinds[0] == ("live", "train")
    assert kinds[1] == ("refused", "refused")
    assert kinds[2:] == [("earlier", "train")] * 49
    [refused] = [one for one in reader.answers if REFUSED in one.queries[0] and one not in [runs]][
        -1:
    ]
    assert "its NDCG@10 on held-out interactions is" in str(refused.data)
    reader.save(PICTURES / "dashboard_recommender_health.png")


def test_nothing_published_is_no_error(
    first_start: Dashboards,
    built_project: Any,
    reader: Reader,
    tmp_path: Path,
) -> None:
    empty = built_project.copy(tmp_path)
    assert empty.python_jobs("snapshot").returncode == 0
    place = first_start.project.directory / ".dashboards" / "marts" / "current"
    other = place.with_name("other")
    other.symlink_to((tmp_path / ".dashboards/marts/current").resolve())
    before = place.resolve()
    other.rename(place)
    try:
        for slug in (HEALTH, RECOMMENDATIONS):
            reader.open(first_start.address(slug), 3)
            reader.page.wait_for_timeout(5000)
            assert (reader.failed(), reader.errors(), reader.elsewhere) == ([], [], [])
            reader.save(LEFT / f"empty_{slug.replace('-', '_')}.png")
    finally:
        other.symlink_to(before)
        other.rename(place)


# Last of those on the first start: the pictures show the charts as they are in the bundle.
def test_a_change_in_the_pages_comes_back_as_a_clean_diff(
    first_start: Dashboards, browser: Any
) -> None:
    directory = first_start.project.directory
    bundle = directory / "dashboards" / "bundle"
    before = {path: path.read_text() for path in bundle.rglob("*.yaml")}
    assert "changed:" not in first_start.export()

    context = browser.new_context(base_url=f"http://{OURS}:{first_start.port}")
    api = context.request
    login = {"username": "editor", "password": first_start.password, "provider": "db"}
    token = api.post("/api/v1/security/login", data=login).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}", "Referer": f"http://{OURS}:{first_start.port}/"}
    csrf = api.get("/api/v1/security/csrf_token/", headers=bearer).json()["result"]
    charts = api.get("/api/v1/chart/?q=(page_size:100)", headers=bearer).json()["result"]
    [chart] = [one for one in charts if one["slice_name"] == "Runs"]
    changed = api.put(
        f"/api/v1/chart/{chart['id']}",
        data={"slice_name": "All runs"},
        headers={**bearer, "X-CSRFToken": csrf},
    )
    assert changed.status == 200, changed.text()
    context.close()

    assert first_start.export().count("changed:") == 1
    after = {path: path.read_text() for path in bundle.rglob("*.yaml")}
    assert {path.name for path in after if after[path] != before.get(path)} == {"runs.yaml"}
    [path] = bundle.rglob("runs.yaml")
    lines = zip(before[path].splitlines(), after[path].splitlines(), strict=True)
    different = [pair for pair in lines if pair[0] != pair[1]]
    assert different == [("slice_name: Runs", "slice_name: All runs")]


def test_on_a_server_with_the_documented_read_only_role(
    trained_project: Any, browser: Any, tmp_path: Path
) -> None:
    """`raw`, `ml`, creating tables and reading files are refused, and both dashboards are whole."""
    from urllib.parse import quote

    server = Own(directory=tmp_path / "server")
    server.directory.mkdir()
    dashboards = made(trained_project, tmp_path / "project")
    (dashboards.project.directory / ".chdb").rename(server.directory / "database")
    server.start()
    try:
        for refused in (
            "select count() from raw.users",
            "select count() from ml.recommendations",
            "create table analytics.mine (x UInt8) engine = MergeTree order by x",
            "select * from file('/etc/hostname', 'LineAsString')",
        ):
            with pytest.raises(Exception, match=r"ACCESS_DENIED|Not enough privileges"):
                server.query("dashboards", refused)
        password = quote(server.users["dashboards"]["password"])
        dashboards.variables["DATAFLIX_DASHBOARDS_URI"] = (
            f"clickhousedb://dashboards:{password}@{OURS}:{server.port}/analytics"
        )
        dashboards.start()
        try:
            for slug in (RECOMMENDATIONS, HEALTH):
                page = browser.new_page()
                reader = Reader(page)
                reader.open(dashboards.address(slug), CALLS[slug])
                assert_whole(reader, slug, without_rows=1 if slug == HEALTH else 0)
                page.close()
        finally:
            said = dashboards.stop()
        assert "locked" not in said
        assert password not in said
    finally:
        server.stop()
