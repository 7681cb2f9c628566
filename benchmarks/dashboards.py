"""How long each chart's query takes: as Superset asks it, of the marts in the working directory.

Run in a scratch project; writes ``result.json``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import clickhouse_connect
import yaml

BUNDLE = Path(__file__).parents[1] / "dashboards" / "bundle"
TIMES = 5
"""How often each is asked; the median counts."""
FILTERS = {
    "user_id": "(select user_id from analytics.mart_users order by movie_count desc limit 1)",
    "label": (
        "(select label from analytics.mart_ratings_aggregated order by rating_count desc limit 1)"
    ),
}
"""What a reader has picked: whoever has done most, and what has most ratings."""
OPTIONS = 1000
"""How many values Superset asks for where one is to be picked."""


def queries() -> Iterator[tuple[str, str]]:
    """Yield each chart's name and query, and those of the filters' values."""
    datasets, charts, dashboards = map(_load, ("datasets", "charts", "dashboards"))
    filtered: dict[str, str] = {}
    for dashboard in dashboards.values():
        places = [p for p in dashboard["position"].values() if isinstance(p, dict)]
        for one in dashboard["metadata"]["native_filter_configuration"]:
            [target] = one["targets"]
            column, table = target["column"]["name"], datasets[target["datasetUuid"]]["table_name"]
            yield (
                f"values of the filter {one['name']}",
                f"select {column} from analytics.{table} group by {column} order by {column} "
                f"limit {OPTIONS}",
            )
            for place in places:
                meta = place.get("meta", {})
                if "uuid" in meta and meta["chartId"] not in one["scope"]["excluded"]:
                    filtered[meta["uuid"]] = column
    for uuid, chart in sorted(charts.items(), key=lambda item: item[1]["slice_name"]):
        dataset = datasets[chart["dataset_uuid"]]
        name = f"{chart['slice_name']} ({dataset['table_name']})"
        yield name, _query(chart["params"], dataset, filtered.get(uuid))


def _load(kind: str) -> dict[str, dict[str, Any]]:
    files = (BUNDLE / kind).rglob("*.yaml")
    contents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return {content["uuid"]: content for content in contents}


def _query(params: dict[str, Any], dataset: dict[str, Any], picked: str | None) -> str:
    metrics = {metric["metric_name"]: metric["expression"] for metric in dataset["metrics"]}
    conditions = [one["sqlExpression"] for one in params["adhoc_filters"]]
    if picked:
        conditions.append(f"{picked} in {FILTERS[picked]}")
    where = " and ".join(conditions) or "true"
    source = f"from analytics.{dataset['table_name']} where {where}"
    limit = f"limit {params.get('row_limit', 50000)}"
    if params.get("query_mode") == "raw":
        orders = [json.loads(one) for one in params["order_by_cols"]]
        order = ", ".join(f"{column} {'asc' if up else 'desc'}" for column, up in orders)
        return f"select {', '.join(params['all_columns'])} {source} order by {order} {limit}"
    keys = [params.get(name) for name in ("x_axis", "entity", "series")]
    columns = [*filter(None, keys), *(params.get("groupby") or [])]
    named = [*(params.get("metrics") or []), *(params.get(n) for n in ("metric", "x", "y", "size"))]
    aggregates = [f"{metrics[name]} as {name}" for name in named if name]
    grouped = f"group by {', '.join(columns)}" if columns else ""
    order = params.get("orderby", {}).get("sqlExpression") or named[0]
    ordered = f"order by {order} desc" if columns and order else ""
    return f"select {', '.join([*columns, *aggregates])} {source} {grouped} {ordered} {limit}"


def main() -> None:
    """Ask all of them."""
    client = clickhouse_connect.get_client(interface="chdb", path=".chdb")
    found = {}
    for name, query in queries():
        seconds = []
        for _ in range(TIMES):
            began = time.perf_counter()
            client.query(query)
            seconds.append(time.perf_counter() - began)
        found[name] = {"median": median(seconds), "first": seconds[0]}
    Path("result.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
