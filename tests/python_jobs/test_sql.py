"""``python_jobs sql``: where statements end, what is refused, and what comes out."""

from __future__ import annotations

import builtins
import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from clickhouse_connect.driver.exceptions import DatabaseError

from python_jobs.cli import cli
from python_jobs.commands import sql as command
from python_jobs.dbt.project import DbtOptions
from python_jobs.errors import Terminated, UserError
from python_jobs.warehouse import connection
from python_jobs.warehouse.console import make_read_only, refuse_changes
from python_jobs.warehouse.explained_errors import explained_errors
from python_jobs.warehouse.statements import Lexer

TRICKY = r"""
-- one; two
select 'a;\';b' as "x;y", `z;` /* ; */, $$ ; ' $$, $tag$ ; $tag$ -- ;
;
# all of this; is a comment
;;
insert into t values (1, 'é;ñ');
select 1\G
select 2"""
STATEMENTS = [
    """select 'a;\\';b' as "x;y", `z;` /* ; */, $$ ; ' $$, $tag$ ; $tag$""",
    "insert into t values (1, 'é;ñ')",
    "select 1",
]


def test_statements_end_where_clickhouse_says(warehouse):
    lexer = Lexer(warehouse.client)
    statements, rest = lexer.split(TRICKY)
    assert [statement.text for statement in statements] == STATEMENTS
    assert rest.strip() == "select 2"
    assert [statement.text for statement in lexer.all(TRICKY)] == [*STATEMENTS, "select 2"]
    assert lexer.all("-- nothing; at all\n;;") == []
    assert lexer.split("select 'not; closed;")[0] == []
    gives = [
        statement.gives_rows for statement in lexer.all("(select 1); with 1 as x select x;set a=1")
    ]
    assert gives == [True, True, False]


@pytest.fixture
def client(warehouse):
    """Another handle of the sample's database, for a test to make read-only."""
    client = connection.new_client(warehouse.project)
    yield client
    client.close()


@pytest.fixture
def sql(warehouse, monkeypatch):
    """Run the command without waiting for dbt, in the sample's database."""

    @contextmanager
    def opened(_, *, create):
        with explained_errors(warehouse.project):
            client = connection.new_client(warehouse.project)
            yield connection.Warehouse(client, warehouse.project)
            client.close()

    def run(*arguments, stdin=None):
        # CliRunner keeps what the command raises, as __main__ would show it.
        return CliRunner().invoke(cli, ["sql", *arguments], input=stdin)

    monkeypatch.setattr(connection, "open_warehouse", opened)
    return run


CHANGES = {
    "a table": "create table raw.another (a Int8) engine = Memory",
    "a view": "create or replace view raw.users_too as select * from raw.users",
    "rows": "insert into raw.users (user_id) values (1)",
    "no rows": "truncate table raw.ratings",
    "no table": "drop table raw.ratings",
    "a setting": "set readonly = 0",
    "a file": "insert into function file('{path}') select 1",
    "another file": "select 1 into outfile '{path}'",
    "a server's work": "system stop merges",
    "another's query": "kill query where 1",
}
BY_CLICKHOUSE = [name for name in CHANGES if name not in ("another file", *list(CHANGES)[-2:])]
STATE = "select groupArray((database, name, total_rows)) from system.tables where database = 'raw'"


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_something_is_refused_without_write(sql, warehouse, tmp_path, name):
    before = warehouse.client.query(STATE).result_rows
    statement = CHANGES[name].format(path=tmp_path / "file")
    done = sql(f"select 1; {statement}")
    assert isinstance(done.exception, UserError)
    assert "--write" in done.exception.hint
    assert warehouse.client.query(STATE).result_rows == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BY_CLICKHOUSE)
def test_clickhouse_refuses_it_too(warehouse, client, tmp_path, name):
    make_read_only(connection.Warehouse(client, warehouse.project))
    with pytest.raises(DatabaseError, match="READONLY"):
        client.command(CHANGES[name].format(path=tmp_path / "file"))


@pytest.mark.parametrize(
    "statement",
    [
        *(
            "select count() from file('/etc/passwd', 'LineAsString')",
            "select 1 settings readonly=0",
        ),
        *("select * from url('http://127.0.0.1:9', 'LineAsString')", "set max_threads = 1"),
    ],
)
def test_other_places_and_settings_are_refused_in_a_query(sql, statement):
    done = sql(statement)
    assert isinstance(done.exception, UserError)
    assert "--write" in done.exception.hint


def test_reading_is_not_refused(client):
    reading = (
        "show tables from raw; use raw; describe users; explain select 1; exists users;(select 1)"
    )
    for statement in Lexer(client).all(reading):
        refuse_changes(statement)


def test_a_file_of_statements_is_carried_out_up_to_the_first_that_fails(sql, tmp_path, warehouse):
    file = tmp_path / "views.sql"
    file.write_text(
        "create database own; -- one; database\n"
        "create view own.v as select 'a;b' as x, null as nothing, [1, 2] as many;\n"
        "select * from own.nothing_there;\n"
        "create view own.w as select 1;\n"
    )
    done = sql("--write", "--file", str(file))
    assert "Statement 3 of 4 (select * from own.nothing_there)" in done.exception.message
    assert "lists what there is" in done.exception.hint
    assert "Done: create view own.v as" in done.stderr
    assert warehouse.client.query("show tables from own").result_rows == [("v",)]
    assert sql("--write", "drop database own").exit_code == 0


ROWS = "select number as n, if(n = 0, null, 'a\"\n[b]') as s from numbers(2)"


def test_json_and_csv_are_what_the_query_gave(sql):
    found = json.loads(sql(ROWS, "--format", "json").stdout)
    assert found == [{"n": 0, "s": None}, {"n": 1, "s": 'a"\n[b]'}]
    assert json.loads(sql(f"{ROWS} limit 0", "--format", "json").stdout) == []
    rows = list(csv.reader(io.StringIO(sql(ROWS, "--format", "csv").stdout)))
    assert rows == [["n", "s"], ["0", "\\N"], ["1", 'a"\n[b]']]


def test_a_table_shows_nulls_and_brackets_and_says_where_it_ends(sql):
    shown = sql(ROWS).stdout
    assert "NULL" in shown
    assert "[b]" in shown
    long = sql("select number + 5000 from numbers(1001)")
    assert "5999" in long.stdout
    assert "6000" not in long.stdout
    assert "The first 1,000 rows; --format json or csv has them all." in long.stderr


def test_statements_come_from_standard_input_too(sql):
    assert json.loads(sql("--format", "json", stdin="select 1 as a").stdout) == [{"a": 1}]
    assert "There is no statement" in sql(stdin=" -- ;").exception.message


def test_a_format_of_ones_own_is_pointed_out(sql):
    assert "--format is table, json or csv" in sql("select 1 format CSV").exception.hint


def test_a_prompt_takes_lines_until_a_semicolon_and_goes_on_after_an_error(
    warehouse, client, monkeypatch, capsys
):
    typed = iter(["select 'one;", "two' as x;", "drop table raw.users;", "select 40 + 2 as y;"])

    def answer(_):
        line = next(typed, None)
        if line is None:
            raise EOFError
        return line

    monkeypatch.setattr(builtins, "input", answer)
    opened = connection.Warehouse(client, warehouse.project)
    make_read_only(opened)
    command._ask(opened, Lexer(client), "csv", write=False)
    said = capsys.readouterr()
    assert said.out == '"x"\n"one;\ntwo"\n"y"\n42\n'
    assert "Target embedded, read-only." in said.err
    assert "and this is none: drop table raw.users" in said.err


def test_ctrl_c_drops_what_was_typed_and_sigterm_ends_the_prompt(
    warehouse, client, monkeypatch, capsys
):
    typed: Iterator[str | type[KeyboardInterrupt]] = iter(
        ["select 'half", KeyboardInterrupt, "select 1 as x;", Terminated, "select 2;"]
    )

    def answer(_):
        line = next(typed)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr(builtins, "input", answer)
    with pytest.raises(Terminated):
        command._ask(
            connection.Warehouse(client, warehouse.project), Lexer(client), "csv", write=False
        )
    assert capsys.readouterr().out == '"x"\n1\n'


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    missing = tmp_path / "nowhere.sql"
    done = CliRunner().invoke(cli, ["sql", "--file", str(missing)])
    assert f"There is no file {missing}." in str(done.exception)
    picture = tmp_path / "picture.sql"
    picture.write_bytes(b"\xff\xfe")
    done = CliRunner().invoke(cli, ["sql", "--file", str(picture)])
    assert f"{picture} cannot be read as UTF-8 text: " in str(done.exception)


def test_statements_and_a_file_are_one_too_many(tmp_path):
    (tmp_path / "a.sql").touch()
    done = CliRunner().invoke(cli, ["sql", "select 1", "--file", str(tmp_path / "a.sql")])
    assert done.exit_code == 2


def test_it_makes_no_database_that_it_may_not_write(empty_project, tmp_path):
    project = empty_project.copy(tmp_path / "project")
    options = DbtOptions(project.directory, project.directory)
    with pytest.raises(UserError, match="no embedded database"), connection.open_warehouse(options):
        pass
