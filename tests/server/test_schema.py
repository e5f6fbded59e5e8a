"""Data folders of other versions, incomplete ones and damaged ones."""

import sqlite3
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.cli import main
from litsweep.errors import LitsweepError
from litsweep.server import app, sqlite_file
from litsweep.server.backend import Backend
from litsweep.server.database import Database
from litsweep.server.settings import Settings
from litsweep.server.store import migrations
from tests.conftest import client_environment
from tests.live_server import LiveServer
from tests.server import schema
from tests.server.make_old_data import read_back, unpack

OLD = Path(__file__).parent / "old_data"
Damage = Callable[[Path], object]

assert app  # imports all modules with tables


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a closed data folder with a project and 500 runs."""
    folder = tmp_path / "data"
    Backend.open(Settings(folder)).close()
    sql(folder, "INSERT INTO projects VALUES (1, 'local', 'p', NULL, 0)")
    columns = "project_id, name, display_name, state, config, summary, system_metrics, history_keys, tags, "
    columns += "dispatches, stale_streams, last_step, history_lines, event_lines, log_lines, created_at, "
    columns += "heartbeat_at"
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
    rest = "'{}', '{}', '{}', '{}', '[]', 0, '', -1, 0, 0, 0, 0, 0"
    sql(
        folder,
        f"INSERT INTO runs ({columns}) {numbers} SELECT 1, 'r' || i, 'a run', 'finished', {rest} FROM n",
    )
    return folder


def sql(folder: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "litsweep.db")) as database, database:
        return database.execute(statement).fetchall()


def refusal(folder: Path) -> str:
    """Return the reason why the server does not open a folder."""
    with pytest.raises(LitsweepError) as caught:
        Backend.open(Settings(folder))
    return str(caught.value)


def test_a_new_folder_has_the_version(data: Path) -> None:
    assert sql(data, "SELECT version FROM schema_version") == [(migrations.VERSION,)]
    assert not list(data.glob("*.before-*"))


def test_the_schema_of_this_version_is_the_recorded_one() -> None:
    recorded = schema.RECORD.read_text()
    assert schema.of_code() == recorded, (
        "the tables changed: see 'To change the schema' in docs/architecture.md"
    )


@pytest.mark.parametrize("source", sorted(OLD.iterdir()), ids=lambda path: path.name)
def test_an_older_folder_is_migrated_and_everything_is_there(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    unpack(source, folder)
    before = {name: sql(folder, f"SELECT count(*) FROM {name}") for name in tables(folder)}
    server = LiveServer(folder)
    server.start()
    try:
        env = client_environment(server, tmp_path)
        assert read_back(env, tmp_path) == schema.answers(source)
        pages = ["/", "/local/p", *(f"/local/p/{kind}/{name}" for kind, name in schema.pages_of(source))]
        assert [get(server, page) for page in pages] == [200] * len(pages)
        stored = server.post("/files/local/p/parent/file_stream", {"files": {}})
        assert stored == {"stopped": False}
    finally:
        server.stop()
    assert {name: sql(folder, f"SELECT count(*) FROM {name}") for name in before} == before
    database = Database(f"sqlite:///{folder / 'litsweep.db'}")
    with database.read() as connection:
        assert schema.of_database(connection) == schema.of_code()
    database.close()
    (copy,) = folder.glob("litsweep.db.before-*")
    assert copy.name == f"litsweep.db.before-v{migrations.VERSION}" and copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("SELECT count(*) FROM runs").fetchall() == before["runs"]
        assert "schema_version" not in {name for (name,) in old.execute("SELECT name FROM sqlite_master")}


def get(server: LiveServer, page: str) -> int:
    request = urllib.request.Request(server.url + page, headers={"Authorization": f"Bearer {server.key}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        status: int = response.status
        return status


@pytest.mark.parametrize("version", [1, 2])
def test_the_dispatches_of_an_older_folder_and_backup_stay(version: int, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    unpack(OLD / "v1", folder)
    if version == 2:
        sql(folder, "CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY)")
        sql(folder, "INSERT INTO schema_version VALUES (2)")
    before = sql(folder, "SELECT id, handouts, handed_out_at FROM runs")
    assert any(dispatches for _, dispatches, _ in before)
    backup, restored = tmp_path / "backup.tar", tmp_path / "restored"
    assert main(["backup", str(backup), "--data-dir", str(folder)]) == 0
    assert main(["restore", str(backup), "--data-dir", str(restored)]) == 0
    for opened in (folder, restored):
        Backend.open(Settings(opened)).close()
        assert sql(opened, "SELECT id, dispatches, dispatched_at FROM runs") == before


def tables(folder: Path) -> list[str]:
    return [name for (name,) in sql(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")]


@pytest.mark.parametrize(
    ("lost", "versioned"),
    [
        ("ALTER TABLE runs DROP COLUMN notes", True),
        ("ALTER TABLE runs DROP COLUMN tags", False),
        ("ALTER TABLE sweeps DROP COLUMN warnings", True),
        ("ALTER TABLE artifact_collections DROP COLUMN is_portfolio", False),
        ("DROP INDEX ix_runs_sweep_id", True),
        ("DROP TABLE artifact_uses", False),
    ],
)
def test_what_a_folder_lacks_is_added(data: Path, lost: str, versioned: bool) -> None:
    sql(data, lost)
    if not versioned:
        sql(data, "DROP TABLE schema_version")
    opened = Backend.open(Settings(data))
    with opened.database.read() as connection:
        assert schema.of_database(connection) == schema.of_code()
    opened.close()
    assert sql(data, "SELECT count(*), min(tags), max(tags) FROM runs") == [(500, "[]", "[]")]


def test_a_reference_that_a_folder_lacks_is_added(data: Path) -> None:
    ((definition,),) = sql(data, "SELECT sql FROM sqlite_master WHERE name = 'artifacts'")
    lines = [line.strip(" ,\t") for line in definition.splitlines()[1:-1] if line.strip()]
    sql(data, "DROP TABLE artifacts")
    sql(data, f"CREATE TABLE artifacts ({', '.join(line for line in lines if 'run_id' not in line)})")
    Backend.open(Settings(data)).close()
    keys = {row[3]: (row[2], row[6]) for row in sql(data, "PRAGMA foreign_key_list(artifacts)")}
    assert keys == {"collection_id": ("artifact_collections", "CASCADE"), "run_id": ("runs", "SET NULL")}


def test_a_column_without_a_default_cannot_be_added(data: Path) -> None:
    sql(data, "ALTER TABLE runs DROP COLUMN display_name")
    sql(data, "ALTER TABLE runs DROP COLUMN tags")
    assert f"{data / 'litsweep.db'} lacks the column display_name of the table runs" in refusal(data)
    assert "tags" not in {row[1] for row in sql(data, "PRAGMA table_info(runs)")}


def test_newer_data_are_refused_and_left_alone(data: Path) -> None:
    sql(data, f"UPDATE schema_version SET version = {migrations.VERSION + 1}")
    sql(data, "ALTER TABLE runs DROP COLUMN notes")
    message = refusal(data)
    newer = (
        f"the database {data / 'litsweep.db'} has schema version {migrations.VERSION + 1}, and this litsweep"
    )
    assert message.startswith(newer)
    assert "notes" not in {row[1] for row in sql(data, "PRAGMA table_info(runs)")}


def test_a_migration_that_fails_changes_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(connection: Any) -> None:
        connection.exec_driver_sql("DELETE FROM runs")
        connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN notes")
        raise ZeroDivisionError

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, fails))
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 1)
    with pytest.raises(ZeroDivisionError):
        Backend.open(Settings(data))
    monkeypatch.undo()
    assert sql(data, "SELECT count(*), max(version) FROM runs, schema_version") == [(500, migrations.VERSION)]
    assert "notes" in {row[1] for row in sql(data, "PRAGMA table_info(runs)")}


def garbage(path: Path) -> None:
    path.write_bytes(b"\x00garbage" * 5000)


def text(path: Path) -> None:
    path.write_text("not a database\n" * 300)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def page_of_runs(path: Path) -> None:
    content = path.read_bytes()
    start = (content.index(b"a run") // 4096) * 4096
    path.write_bytes(content[:start] + b"\xa5" * 4096 + content[start + 4096 :])


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [garbage, text, half, emptied, page_of_runs])
def test_a_damaged_database_is_one_sentence(
    data: Path, damage: Damage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    damage(data / "litsweep.db")
    for command in (["serve", "--port", "0"], ["backup", str(tmp_path / "copy.tar")]):
        assert main([*command, "--data-dir", str(data)]) == 1
        said = capsys.readouterr()
        assert said.out == "" and len(said.err.splitlines()) == 1, said.err
        assert said.err.startswith(f"litsweep: cannot use the database {data / 'litsweep.db'}: ")
        assert "litsweep restore FILE" in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_damage_that_the_start_did_not_find_is_one_sentence(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page_of_runs(data / "litsweep.db")
    monkeypatch.setattr(sqlite_file, "check", lambda _: None)
    with TestClient(app.create_app(Settings(data))) as client:
        client.headers["Authorization"] = f"Bearer {(data / 'api_key').read_text().strip()}"
        query = '{ project(name: "p", entityName: "local") { runs { edges { node { name } } } } }'
        answers = [client.post("/graphql", json={"query": query}), client.get("/-/data/local/p")]
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert "litsweep.db: database disk image is malformed: it is damaged" in answer.text
    assert not [record for record in caplog.records if record.exc_info]


def test_a_folder_in_place_of_the_database_is_one_sentence(data: Path) -> None:
    folder_in_its_place(data / "litsweep.db")
    assert "litsweep.db" in refusal(data) and "unable to open" in refusal(data)


def test_a_read_only_database_is_one_sentence(data: Path) -> None:
    url = f"sqlite:///file:{data / 'litsweep.db'}?mode=ro&uri=true"
    sql(data, "PRAGMA journal_mode = DELETE")
    with pytest.raises(LitsweepError, match=r"readonly.*writable for this user"):
        Backend.open(Settings(data, database_url=url))


def test_a_locked_database_is_one_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_SECONDS", 0.1)
    sql(data, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(data / "litsweep.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert "end that program" in refusal(data)
    Backend.open(Settings(data)).close()
