"""Write what was changed in Superset's own pages back into the bundle, as a clean diff.

    make dashboards-export

Superset's export holds ids of this very Superset, times, and settings that follow from others. They
are left out here, and numbers, file names and the order of columns stay as the bundle has them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml
from set_up import BUNDLE, EDITOR, SCHEMA

Content = dict[str, Any]
DERIVED = ("chartsInScope", "tabsInScope")
"""What Superset works out again from a filter's scope."""
OF_THIS_SUPERSET = ("datasource", "slice_id", "dashboards", "url_params", "dashboardId")
"""Parameters of a chart that name ids of this very Superset."""


def export(target: Path) -> list[Path]:
    """Write the bundle's dashboards with their charts and datasets; return what has changed."""
    from superset.app import create_app

    before = bundle_files()
    with create_app().app_context():
        exported = exported_dashboards({uuid for uuid, _ in before.values()})
    by_uuid = {uuid: path for path, (uuid, _) in before.items()}
    numbers = chart_numbers(before, exported)
    changed = []
    for kind, contents in exported.items():
        for content in contents:
            path = by_uuid.get(content["uuid"]) or new_path(kind, content)
            known = before[path][1] if path in before else {}
            text = dumped(normal(kind, content, known, numbers))
            file = target / path
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
                changed.append(file)
    return changed


def bundle_files() -> dict[Path, tuple[str, Content]]:
    """Return each file of the bundle that has an id: the id, and what is in it."""
    files = {}
    for path in sorted(BUNDLE.rglob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "uuid" in content:
            files[path.relative_to(BUNDLE)] = (content["uuid"], content)
    return files


def exported_dashboards(ours: set[str]) -> dict[str, list[Content]]:
    """Return what Superset exports of the bundle's dashboards, by kind."""
    from flask import g
    from superset import db, security_manager
    from superset.commands.chart.export import ExportChartsCommand
    from superset.commands.dashboard.export import ExportDashboardsCommand
    from superset.commands.dataset.export import ExportDatasetsCommand
    from superset.models.dashboard import Dashboard

    g.user = security_manager.find_user(EDITOR)
    dashboards = [one for one in db.session.query(Dashboard) if str(one.uuid) in ours]
    charts = {chart.id: chart for dashboard in dashboards for chart in dashboard.slices}
    datasets = {chart.table.id: chart.table for chart in charts.values()}
    commands = {
        "datasets/Dataflix": (ExportDatasetsCommand, datasets.values()),
        "charts": (ExportChartsCommand, charts.values()),
        "dashboards": (ExportDashboardsCommand, dashboards),
    }
    return {
        kind: [yaml.safe_load(command._file_content(model)) for model in models]
        for kind, (command, models) in commands.items()
    }


def chart_numbers(
    before: dict[Path, tuple[str, Content]], exported: dict[str, list[Content]]
) -> dict[str, int]:
    """Return the bundle's number of each chart, by its id; a new one has the next."""
    numbers = {
        uuid: number
        for _, content in before.values()
        for uuid, number in placed_charts(content).items()
    }
    for chart in sorted(exported["charts"], key=lambda chart: str(chart["slice_name"])):
        numbers.setdefault(chart["uuid"], max(numbers.values(), default=0) + 1)
    return numbers


def placed_charts(dashboard: Content) -> dict[str, int]:
    """Return the number that each chart of a dashboard has in its file, by the chart's id."""
    places = dashboard.get("position", {}).values()
    metas = [place["meta"] for place in places if isinstance(place, dict) and "meta" in place]
    return {meta["uuid"]: meta["chartId"] for meta in metas if "chartId" in meta}


def new_path(kind: str, content: Content) -> Path:
    """Return where something goes that the bundle does not have yet."""
    name = content.get("table_name") or content.get("slice_name") or content["dashboard_title"]
    return Path(kind, re.sub(r"\W+", "_", name.lower()).strip("_") + ".yaml")


def normal(kind: str, content: Content, known: Content, numbers: dict[str, int]) -> Content:
    """Return a file's content as the bundle has it."""
    if kind == "charts":
        content["query_context"] = None
        params = content["params"]
        content["params"] = in_order(
            {name: value for name, value in params.items() if name not in OF_THIS_SUPERSET},
            known.get("params", {}),
        )
    elif kind == "dashboards":
        renumber(content, numbers)
        content["metadata"] = in_order(content["metadata"], known.get("metadata", {}))
        content["position"] = in_order(content["position"], known.get("position", {}))
    else:
        content["schema"] = SCHEMA
        for part, name in (("columns", "column_name"), ("metrics", "metric_name")):
            order = [one[name] for one in known.get(part, [])]
            content[part].sort(
                key=lambda one, order=order, name=name: (
                    order.index(one[name]) if one[name] in order else len(order),
                    one[name],
                )
            )
    return in_order(content, known)


def renumber(dashboard: Content, numbers: dict[str, int]) -> None:
    """Put the bundle's numbers of the charts in the place of this Superset's."""
    placed = placed_charts(dashboard)
    by_id = {number: numbers[uuid] for uuid, number in placed.items()}
    for place in dashboard["position"].values():
        if isinstance(place, dict) and "chartId" in place.get("meta", {}):
            place["meta"]["chartId"] = numbers[place["meta"]["uuid"]]
    metadata = dashboard["metadata"]
    scopes = [metadata.get("global_chart_configuration", {})]
    scopes += metadata.get("native_filter_configuration", [])
    for scope in scopes:
        for name in DERIVED:
            scope.pop(name, None)
        excluded = scope.get("scope", {}).get("excluded", [])
        scope["scope"]["excluded"] = sorted(by_id[one] for one in excluded if one in by_id)
    # By chart, and only where cross filters are on, which they are not.
    metadata["chart_configuration"] = {}


def in_order(content: Content, known: Content) -> Content:
    """Return a mapping with what is known in its order, and what is new at the end."""
    names = [name for name in known if name in content]
    return {name: content[name] for name in [*names, *sorted(content.keys() - {*names})]}


def dumped(content: Content) -> str:
    """Return a file's text."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


if __name__ == "__main__":
    from serve import prepare_environment

    prepare_environment()
    for file in export(Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLE):
        print(f"changed: {file}")
