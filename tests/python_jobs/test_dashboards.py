"""The dashboards' bundle against the marts of a built project, without Superset.

Superset takes a wrong metric or column in silence, and shows it when somebody opens the page.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.dashboards import queries as benchmarked
from tests.python_jobs.conftest import REPOSITORY, Project
from tests.python_jobs.test_dbt_project import manifest_of

BUNDLE = REPOSITORY / "dashboards" / "bundle"


def load(kind: str) -> dict[str, dict[str, Any]]:
    files = sorted((BUNDLE / kind).rglob("*.yaml"))
    parsed = [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in files]
    return {content["uuid"]: content for content in parsed}


DATASETS, CHARTS, DASHBOARDS = load("datasets"), load("charts"), load("dashboards")


def placed(dashboard: dict[str, Any]) -> dict[str, int]:
    """Return the charts on a dashboard, by id, with their numbers."""
    metas = [
        p["meta"] for p in dashboard["position"].values() if isinstance(p, dict) and "meta" in p
    ]
    return {meta["uuid"]: meta["chartId"] for meta in metas if "chartId" in meta}


def metrics_of(params: dict[str, Any]) -> list[str]:
    """Return the metrics that a chart shows, by name; SQL of its own is in `expressions_of`."""
    named = [*(params.get("metrics") or []), *(params.get(k) for k in ("metric", "size"))]
    named += [params.get(k) for k in ("x", "y")]
    return [name for name in named if isinstance(name, str)]


def columns_of(params: dict[str, Any]) -> list[str]:
    """Return the columns that a chart shows or orders by."""
    ordered = [json.loads(order)[0] for order in params.get("order_by_cols", [])]
    named = [*(params.get("groupby") or []), *(params.get("all_columns") or []), *ordered]
    named += [params.get(k) for k in ("x_axis", "entity", "series")]
    return [name for name in named if name]


def expressions_of(params: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the SQL that a chart brings itself: aggregates, and conditions."""
    order = params.get("orderby")
    aggregates = [order["sqlExpression"]] if isinstance(order, dict) else []
    return aggregates, [one["sqlExpression"] for one in params.get("adhoc_filters", [])]


def queries() -> list[str]:
    """Return a query for each dataset, with its columns, metrics and charts' own SQL in it."""
    found = []
    for uuid, dataset in DATASETS.items():
        theirs = [chart["params"] for chart in CHARTS.values() if chart["dataset_uuid"] == uuid]
        aggregates = [metric["expression"] for metric in dataset["metrics"]]
        conditions = ["true"]
        for params in theirs:
            more, where = expressions_of(params)
            aggregates += more
            conditions += where
        columns = [f"any({c['column_name']})" for c in dataset["columns"] if not c["expression"]]
        source = f"({dataset['sql']})" if dataset["sql"] else f"analytics.{dataset['table_name']}"
        selected = [*aggregates, *columns, *(f"countIf({where})" for where in conditions)]
        found.append(
            f"select '{dataset['table_name']}', [{', '.join(f'toTypeName({c})' for c in selected)}]"
            f", count(), toString(tuple({', '.join(selected)})) from {source}"
        )
    return found


@pytest.fixture(scope="module")
def asked(trained_project: Project) -> tuple[list[list[Any]], dict[tuple[str, str], str]]:
    """What ClickHouse answers to the queries, and the types of the marts' columns: asked once."""
    columns = (
        "select 'column', [table, name, type], toUInt64(1), '' from system.columns "
        "where database = 'analytics'"
    )
    rows = trained_project.query(" union all ".join([*queries(), columns]))
    types = {(row[1][0], row[1][1]): row[1][2] for row in rows if row[0] == "column"}
    return [row for row in rows if row[0] != "column"], types


def test_every_dataset_metric_and_condition_can_be_queried(asked: Any) -> None:
    rows, _ = asked
    assert len(rows) == len(DATASETS)
    assert [name for name, _, count, _ in rows if not count] == []


def test_columns_have_the_types_of_the_marts(asked: Any) -> None:
    _, types = asked
    for dataset in DATASETS.values():
        for column in dataset["columns"]:
            kind = types[dataset["table_name"], column["column_name"]]
            assert column["type"] == kind, (dataset["table_name"], column["column_name"])
            assert column["is_dttm"] == ("DateTime" in kind)


@pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda chart: chart["slice_name"])
def test_a_chart_asks_for_what_its_dataset_has(chart: dict[str, Any]) -> None:
    dataset, params = DATASETS[chart["dataset_uuid"]], chart["params"]
    metrics = {metric["metric_name"] for metric in dataset["metrics"]}
    columns = {column["column_name"] for column in dataset["columns"]}
    assert set(metrics_of(params)) <= metrics
    assert set(columns_of(params)) <= columns
    assert metrics_of(params) or columns_of(params)
    assert params["viz_type"] == chart["viz_type"]


def test_every_chart_is_on_a_dashboard_under_one_number() -> None:
    numbers = [pair for dashboard in DASHBOARDS.values() for pair in placed(dashboard).items()]
    assert {uuid for uuid, _ in numbers} == CHARTS.keys()
    assert len({number for _, number in numbers}) == len(CHARTS)


def test_a_filter_acts_on_the_charts_that_have_its_column() -> None:
    for dashboard in DASHBOARDS.values():
        numbers = placed(dashboard)
        for one in dashboard["metadata"]["native_filter_configuration"]:
            [target] = one["targets"]
            column = target["column"]["name"]
            filtered = [u for u in numbers if numbers[u] not in one["scope"]["excluded"]]
            assert filtered
            for dataset in [target["datasetUuid"], *(CHARTS[u]["dataset_uuid"] for u in filtered)]:
                names = {c["column_name"] for c in DATASETS[dataset]["columns"]}
                assert column in names, (one["name"], DATASETS[dataset]["table_name"])


def test_the_exposures_name_the_marts_that_the_charts_read(trained_project: Project) -> None:
    manifest = manifest_of(trained_project)
    exposures = {
        exposure["label"]: exposure
        for exposure in manifest["exposures"].values()
        if exposure["type"] == "dashboard"
    }
    assert exposures.keys() == {dashboard["dashboard_title"] for dashboard in DASHBOARDS.values()}
    for dashboard in DASHBOARDS.values():
        exposure = exposures[dashboard["dashboard_title"]]
        datasets = {CHARTS[uuid]["dataset_uuid"] for uuid in placed(dashboard)}
        filters = dashboard["metadata"]["native_filter_configuration"]
        datasets |= {target["datasetUuid"] for one in filters for target in one["targets"]}
        sources = [DATASETS[uuid]["sql"] or DATASETS[uuid]["table_name"] for uuid in datasets]
        nodes = [manifest["nodes"][node] for node in exposure["depends_on"]["nodes"]]
        assert {node["alias"] for node in nodes} == set(re.findall(r"mart_\w+", " ".join(sources)))
        assert exposure["url"] == f"http://127.0.0.1:8088/superset/dashboard/{dashboard['slug']}/"


def test_nothing_of_a_machine_is_in_the_bundle() -> None:
    text = "".join(path.read_text() for path in BUNDLE.rglob("*.yaml"))
    assert re.findall(r"https?://\S+|/home/\S+|/tmp/\S+", text) == []
    [uri] = re.findall(r"sqlalchemy_uri: (\S+)", text)
    assert uri == "clickhousedb://dashboards@localhost:8123/analytics"


def test_the_benchmark_asks_what_every_chart_and_filter_asks(trained_project: Project) -> None:
    asked = dict(benchmarked())
    shown = [
        f"{c['slice_name']} ({DATASETS[c['dataset_uuid']]['table_name']})" for c in CHARTS.values()
    ]
    filters = [
        f"values of the filter {one['name']}"
        for dashboard in DASHBOARDS.values()
        for one in dashboard["metadata"]["native_filter_configuration"]
    ]
    assert sorted(asked) == sorted([*shown, *filters])
    rows = dict(zip(asked, trained_project.queries(*asked.values()), strict=True))
    empty = [name for name, found in rows.items() if not found]
    assert empty == ["What the gate refused, and why (mart_training_runs)"]


def copied(project: Project) -> Project:
    """Return what dashboards read of a project, which follows the snapshot's link."""
    directory = project.directory / "copy"
    directory.mkdir()
    (directory / ".chdb").symlink_to(project.directory / ".dashboards" / "marts" / "current")
    return Project(directory)


def test_the_snapshot_has_the_marts_and_nothing_else(
    trained_project: Project, tmp_path: Path
) -> None:
    """The copy before stays for who reads it still; what is older or died half-way goes."""
    project = trained_project.copy(tmp_path)
    place = tmp_path / ".dashboards" / "marts"
    for name in ("marts-1", "backup-1"):
        (place / name).mkdir(parents=True)
    first, second = project.many([(["snapshot"], {}), (["snapshot"], {})])
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert re.search(r"show the \d\d marts as they are now", first.stdout)
    copies = sorted(path.name for path in place.iterdir() if path.name not in ("lock", "current"))
    assert len(copies) == 2
    assert (place / "current").resolve().name == copies[-1]

    copy = copied(project)
    found = "select database, groupArray(name) from (select * from system.tables order by name) "
    found += "where lower(database) not in ('system', 'information_schema') group by 1"
    [[database, names]] = copy.query(found)
    assert database == "analytics"
    assert [database, names] in project.query(found)
    mart = "select count(), sum(cityHash64(tuple(*))) from analytics.mart_user_history"
    assert copy.query(mart) == project.query(mart)


def test_the_snapshot_follows_a_rollback(project: Project) -> None:
    """What dashboards call live is the run that was rolled back to, and not the newest."""
    ask = "select run_id from analytics.mart_training_runs where is_current"
    [[first]] = project.query(ask)
    commands = (
        ["train", "--set", "max_components=6", "--no-evaluate"],
        ["dbt", "run", "--select", "mart_training_runs"],
        ["snapshot"],
    )
    done = project.many(commands)
    assert [one.returncode for one in done] == [0, 0, 0], done
    copy = copied(project)
    [[second]] = copy.query(ask)
    assert second != first

    rolled = project.python_jobs("rollback", first)
    assert rolled.returncode == 0, rolled.stderr
    assert copy.query(ask) == [[first]]
    assert {row[0] for row in copy.query("select run_id from analytics.mart_training_runs")} == {
        first,
        second,
    }
