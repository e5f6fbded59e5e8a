"""Backups of a server that works, and their restoration."""

import json
import os
import shutil
import signal
import sqlite3
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from litsweep.cli import main
from litsweep.errors import LitsweepError
from litsweep.server import sqlite_file
from litsweep.server.blobs import BlobStore
from litsweep.server.store.migrations import VERSION
from tests.live_server import LiveServer
from tests.server.operations import UPSERT_RUN

FILES = """
mutation ($run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: "local", projectName: "p", runName: $run, files: $files}) {
    files { name uploadUrl }
  }
}"""
DELETE_RUN = "mutation ($id: ID!) { deleteRun(input: {id: $id}) { success } }"


class Writer:
    """A run that streams rows, replaces a file and adds files, until it is told to stop."""

    def __init__(self, server: LiveServer, name: str) -> None:
        self.server, self.name = server, name
        self.acknowledged = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write)
        server.graphql(UPSERT_RUN, name=name, project="p", entity="local", config="{}")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._stopped.is_set():
            row = json.dumps({"_step": self.acknowledged, "x": "y" * 200})
            part = {"offset": self.acknowledged, "content": [row]}
            path = f"/files/local/p/{self.name}/file_stream"
            self.server.post(path, {"files": {"wandb-history.jsonl": part}})
            self.acknowledged += 1
            if self.acknowledged % 5 == 0:
                upload(self.server, self.name, "same.txt", b"z" * self.acknowledged)
                upload(self.server, self.name, f"{self.acknowledged}.txt", os.urandom(5000))


def upload(server: LiveServer, run: str, name: str, content: bytes) -> str:
    """Upload a file of a run. Return the key of its blob."""
    (file,) = server.graphql(FILES, run=run, files=[name])["createRunFiles"]["files"]
    request = urllib.request.Request(file["uploadUrl"], content, method="PUT")
    urllib.request.urlopen(request, timeout=60).close()
    return str(file["uploadUrl"].split("/")[4])


def query(folder: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "litsweep.db")) as database:
        return database.execute(statement).fetchall()


def rows_of(folder: Path, run: str) -> int:
    ((n,),) = query(
        folder, f"SELECT count(*) FROM stream_lines JOIN runs ON runs.id = run_id WHERE name = '{run}'"
    )
    return int(n)


def check_blobs(folder: Path) -> int:
    """Check that every stored blob is there with its size, and return their number."""
    stored = query(folder, "SELECT key, size FROM blobs WHERE stored_at IS NOT NULL")
    assert [(folder / "blobs" / key[:2] / key).stat().st_size for key, _ in stored] == [n for _, n in stored]
    return len(stored)


def back_up_under_load(server: LiveServer, folder: Path, times: int) -> None:
    writers = [Writer(server, f"run{i}") for i in range(2)]
    for writer in writers:
        writer.start()
    try:
        for i in range(times):
            time.sleep(0.3)
            before = {writer.name: writer.acknowledged for writer in writers}
            file, copy = folder / f"{i}.tar", folder / f"copy{i}"
            assert main(["backup", str(file), "--data-dir", str(server.data_dir)]) == 0
            assert file.stat().st_mode & 0o777 == 0o600
            assert main(["restore", str(file), "--data-dir", str(copy)]) == 0
            assert query(copy, "PRAGMA integrity_check") == [("ok",)]
            assert query(copy, "SELECT version FROM schema_version") == [(VERSION,)]
            for name, acknowledged in before.items():
                assert rows_of(copy, name) >= acknowledged
            assert check_blobs(copy) > 0
    finally:
        for writer in writers:
            writer.stop()


def test_a_backup_under_a_steady_stream_has_every_acknowledged_row(
    server: LiveServer, tmp_path: Path
) -> None:
    back_up_under_load(server, tmp_path, 2)
    restored = LiveServer(tmp_path / "copy1")
    restored.start()
    try:
        run = restored.graphql(
            'query { project(name: "p", entityName: "local") { run(name: "run0") { historyLineCount } } }'
        )
        assert run["project"]["run"]["historyLineCount"] == rows_of(restored.data_dir, "run0")
        assert restored.key == server.key
    finally:
        restored.stop()


@pytest.mark.slow
def test_twenty_backups_under_a_steady_stream(server: LiveServer, tmp_path: Path) -> None:
    back_up_under_load(server, tmp_path, 20)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder of a server that was killed, with one row and one file."""
    server = LiveServer(tmp_path_factory.mktemp("stopped") / "data")
    server.start()
    server.graphql(UPSERT_RUN, name="r", project="p", entity="local", config="{}")
    part = {"offset": 0, "content": [json.dumps({"_step": 0, "x": 1})]}
    server.post("/files/local/p/r/file_stream", {"files": {"wandb-history.jsonl": part}})
    upload(server, "r", "a.txt", b"0123456789" * 50_000)
    server.kill()
    return server.data_dir


@pytest.fixture(scope="module")
def backup(stopped: Path) -> Path:
    file = stopped.with_name("backup.tar")
    assert main(["backup", str(file), "--data-dir", str(stopped)]) == 0
    return file


@contextmanager
def refused(capsys: pytest.CaptureFixture[str], reason: str) -> Iterator[Callable[..., int]]:
    """Check that a command of the block fails with one sentence."""
    capsys.readouterr()
    yield lambda *args: main([str(arg) for arg in args])
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and reason in said.err, said.err


def test_a_backup_of_a_stopped_server(backup: Path, tmp_path: Path) -> None:
    copy = tmp_path / "new" / "folder"
    assert main(["restore", str(backup), "--data-dir", str(copy)]) == 0
    assert rows_of(copy, "r") == 1 and check_blobs(copy) == 1
    modes = {path.name: path.stat().st_mode & 0o777 for path in (copy, copy / "blobs", copy / "litsweep.db")}
    assert modes == {"folder": 0o700, "blobs": 0o700, "litsweep.db": 0o600}
    assert sorted(path.name for path in copy.iterdir()) == ["api_key", "blobs", "litsweep.db", "lock"]


def test_a_folder_with_data_is_not_overwritten(
    stopped: Path, backup: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with refused(capsys, "holds data (litsweep.db, api_key, blobs)") as run:
        assert run("restore", backup, "--data-dir", stopped) == 1
    only_key = tmp_path / "key"
    only_key.mkdir()
    (only_key / "api_key").write_text("k" * 40)
    with refused(capsys, "holds data (api_key)") as run:
        assert run("restore", backup, "--data-dir", only_key) == 1
    assert [path.name for path in only_key.iterdir()] == ["api_key"]


def test_a_folder_of_a_running_server_is_not_touched(
    server: LiveServer, backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with refused(capsys, "is in use by a server: stop it") as run:
        assert run("restore", backup, "--data-dir", server.data_dir) == 1
    assert query(server.data_dir, "SELECT count(*) FROM runs") == [(0,)]


@pytest.mark.parametrize("existed", [True, False])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.97])
def test_a_part_of_a_backup_leaves_nothing(
    backup: Path, part: float, existed: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    half, folder = tmp_path / "half.tar", tmp_path / "data"
    half.write_bytes(backup.read_bytes()[: int(backup.stat().st_size * part)])
    if existed:
        folder.mkdir()
    with refused(capsys, "half.tar: is not a backup, or only a part of one") as run:
        assert run("restore", half, "--data-dir", folder) == 1
    assert sorted(tmp_path.rglob("*")) == sorted([half, folder] if existed else [half])


def test_a_newer_backup_is_refused(backup: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    scratch, newer = tmp_path / "scratch", tmp_path / "newer.tar"
    assert main(["restore", str(backup), "--data-dir", str(scratch)]) == 0
    with closing(sqlite3.connect(scratch / "litsweep.db")) as database, database:
        database.execute("UPDATE schema_version SET version = version + 1")
    assert main(["backup", str(newer), "--data-dir", str(scratch)]) == 0
    with refused(capsys, f"schema version {VERSION + 1}") as run:
        assert run("restore", newer, "--data-dir", tmp_path / "data") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["blobs", "litsweep.db", "api_key"])
def test_a_damaged_backup_is_refused(
    backup: Path, name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with tarfile.open(backup) as tar:
        member = next(member for member in tar if member.name.startswith(name))
    content = bytearray(backup.read_bytes())
    content[member.offset_data + member.size // 2] ^= 0xFF
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(content)
    with refused(capsys, f"{member.name} is damaged") as run:
        assert run("restore", damaged, "--data-dir", tmp_path / "data") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "blobs/aa/bb", "blobs/../api_key", "other"])
def test_another_tar_is_refused(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "other.tar"
    with tarfile.open(file, "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with refused(capsys, f"is not a backup of litsweep: it holds {name!r}") as run:
        assert run("restore", file, "--data-dir", tmp_path / "data") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.tar"]


def test_a_text_is_not_a_backup(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello\n" * 500)
    with refused(capsys, "is not a backup") as run:
        assert run("restore", tmp_path / "text", "--data-dir", tmp_path / "data") == 1
    with refused(capsys, "there is no such backup file") as run:
        assert run("restore", tmp_path / "nothing", "--data-dir", tmp_path / "data") == 1
    assert not (tmp_path / "data").exists()


def test_where_a_backup_goes(
    stopped: Path, backup: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("notes")
    with refused(capsys, "exists and is not a backup") as run:
        assert run("backup", notes, "--data-dir", stopped) == 1
    with refused(capsys, "is a folder") as run:
        assert run("backup", tmp_path, "--data-dir", stopped) == 1
    with refused(capsys, f"{tmp_path / 'no' / 'file.tar'} is in a folder that does not exist") as run:
        assert run("backup", tmp_path / "no" / "file.tar", "--data-dir", stopped) == 1
    with refused(capsys, "has no litsweep.db") as run:
        assert run("backup", tmp_path / "file.tar", "--data-dir", tmp_path) == 1
    assert notes.read_text() == "notes" and list(tmp_path.iterdir()) == [notes]
    again = tmp_path / "again.tar"
    for _ in range(2):  # a newer backup replaces an older one
        assert main(["backup", str(again), "--data-dir", str(stopped)]) == 0


def test_data_in_postgresql_get_an_explanation(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "database").write_text("postgresql\n")
    (tmp_path / "litsweep.db").touch()  # from an earlier start without --database-url
    assert main(["backup", str(tmp_path / "file.tar"), "--data-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert all(program in said for program in ("pg_dump", "pg_restore", f"--directory={tmp_path}"))
    assert not (tmp_path / "file.tar").exists()


def test_files_without_their_database_are_not_served(
    backup: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The garbage collector of a new, empty database would delete them."""
    folder = tmp_path / "data"
    assert main(["restore", str(backup), "--data-dir", str(folder)]) == 0
    (folder / "database").write_text("postgresql\n")
    with refused(capsys, "has the files of another database (postgresql), not of this one (sqlite)") as run:
        assert run("serve", "--port", "0", "--data-dir", folder) == 1
    assert (folder / "database").read_text() == "postgresql\n"
    (folder / "database").unlink()
    (folder / "litsweep.db").unlink()
    with refused(capsys, "litsweep.db: it is missing, but") as run:
        assert run("serve", "--port", "0", "--data-dir", folder) == 1
    assert not (folder / "litsweep.db").exists()


def test_a_file_in_place_of_a_folder_is_one_sentence(
    backup: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, folder = tmp_path / "file", tmp_path / "data"
    file.write_text("x")
    with refused(capsys, "cannot restore there") as run:
        assert run("restore", backup, "--data-dir", file) == 1
    for name in ("database", "api_key", "blobs"):
        shutil.rmtree(folder, ignore_errors=True)
        main(["restore", str(backup), "--data-dir", str(folder)])
        shutil.rmtree(folder / name) if name == "blobs" else (folder / name).unlink(missing_ok=True)
        (folder / name).touch() if name == "blobs" else (folder / name).mkdir()
        with refused(capsys, f"{folder / name}") as run:
            assert run("serve", "--port", "0", "--data-dir", folder) == 1
        with refused(capsys, f"{folder / name}: the backup cannot be written") as run:
            assert run("backup", tmp_path / "copy.tar", "--data-dir", folder) == 1


def test_a_missing_blob_is_named_and_the_rest_is_saved(
    backup: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, copy, file = tmp_path / "data", tmp_path / "copy", tmp_path / "file.tar"
    main(["restore", str(backup), "--data-dir", str(folder)])
    ((key,),) = query(folder, "SELECT key FROM blobs")
    (folder / "blobs" / key[:2] / key).unlink()
    assert main(["backup", str(file), "--data-dir", str(folder)]) == 0
    assert "Warning: the content of r/a.txt is missing" in capsys.readouterr().err
    assert main(["restore", str(file), "--data-dir", str(copy)]) == 0
    assert rows_of(copy, "r") == 1 and check_blobs(copy) == 0


def test_a_file_that_is_deleted_meanwhile_is_in_the_backup(server: LiveServer) -> None:
    run = server.graphql(UPSERT_RUN, name="r", project="p", entity="local", config="{}")["upsertBucket"][
        "bucket"
    ]
    key = upload(server, "r", "a.txt", b"content")
    content = server.data_dir / "blobs" / key[:2] / key
    with BlobStore.deletions_paused(server.data_dir / "blobs"):
        server.graphql(DELETE_RUN, id=run["id"])
        assert content.exists()
    assert query(server.data_dir, "SELECT count(*) FROM blobs") == [(0,)]


def test_a_killed_backup_leaves_the_older_one(
    backup: Path, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup.tar"
    shutil.copy(backup, file)
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(Path, "replace", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        main(["backup", str(file), "--data-dir", str(stopped)])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert file.read_bytes() == backup.read_bytes()
    assert main(["backup", str(file), "--data-dir", str(stopped)]) == 0
    assert not list(tmp_path.glob("*.partial"))


def test_a_full_disk_is_that_of_the_copy(tmp_path: Path) -> None:
    source, copied = tmp_path / "litsweep.db", tmp_path / "copy.db"
    copied.touch()
    for error, named in (("database or disk is full", copied), ("database disk image is malformed", source)):
        refused = pytest.raises(LitsweepError, match=f"cannot use the database {named}: {error}")
        with refused, sqlite_file.opened(copied, source):
            raise sqlite3.OperationalError(error)
