"""What a fresh Superset needs, in one process: tables, roles, an editor, the bundle, readers.

:mod:`serve` runs it where the bundle is not the one that was set up last.
The bundle wins: charts, datasets and dashboards of its ids are overwritten, and others stay.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path
from typing import Any

import yaml
from flask import g
from flask_migrate import upgrade
from sqlalchemy import event
from sqlalchemy.engine import Engine

BUNDLE = Path(__file__).parent / "bundle"
SCHEMA = "analytics"
"""The database of the bundle's datasets."""
EDITOR = "editor"


@event.listens_for(Engine, "connect")
def _do_not_wait_for_the_disk(connection: Any, _record: object) -> None:
    """Spare five hundred waits: what a crash would spoil here is made again."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")


def set_up() -> str:
    """Bring the metadata up to date; return the editor's password if it is new, or nothing."""
    import superset
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from superset import db, security_manager

        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        app.appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        editor, password = security_manager.find_user(EDITOR), ""
        if editor is None or os.environ.get("NEW_PASSWORD"):
            password = secrets.token_urlsafe(12)
            editor = _with_password(security_manager, editor, password)
        g.user = editor
        _import_bundle()
        _let_readers_in(security_manager)
        db.session.commit()
    return password


def _with_password(security_manager: Any, editor: Any, password: str) -> Any:
    if editor is None:
        role = security_manager.find_role("Admin")
        address = f"{EDITOR}@localhost"
        return security_manager.add_user(EDITOR, "The", "editor", address, role, password)
    security_manager.reset_password(editor.id, password)
    return editor


def _import_bundle() -> None:
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset_config import CLICKHOUSE

    contents = {}
    for path in sorted(BUNDLE.rglob("*.yaml")):
        parsed = yaml.safe_load(path.read_text(encoding="utf-8"))
        if parsed.get("schema") == SCHEMA:
            parsed["schema"] = CLICKHOUSE.database or SCHEMA
        contents[str(path.relative_to(BUNDLE))] = yaml.safe_dump(parsed, sort_keys=False)
    ImportAssetsCommand(contents).run()


def _let_readers_in(security_manager: Any) -> None:
    """Let whoever is not logged in read the bundle's datasets, and nothing else of the database."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    ids = {
        yaml.safe_load(path.read_text(encoding="utf-8"))["uuid"]
        for path in (BUNDLE / "datasets").rglob("*.yaml")
    }
    public = security_manager.find_role("Public")
    for dataset in db.session.query(SqlaTable):
        if str(dataset.uuid) in ids:
            permission = security_manager.add_permission_view_menu(
                "datasource_access", dataset.perm
            )
            security_manager.add_permission_role(public, permission)


if __name__ == "__main__":
    print(f"password:{set_up()}")
