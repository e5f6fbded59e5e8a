"""`litsweep serve`: what it prints, who can read it, and the database's password."""

import os
import pty
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from litsweep.cli import main
from litsweep.cli.serve import warning_of_network
from litsweep.server.database import Database
from litsweep.server.settings import masked
from tests.server.attacks import is_served

SECRET = "s3cret"


@contextmanager
def serving(folder: Path, *flags: str, terminal: bool = False) -> Iterator[Path]:
    """Start `litsweep serve`. Yield the file with its output when it is ready."""
    log, data_dir = folder / "out", folder / "data"
    command = [sys.executable, "-m", "litsweep", "serve", "--port", "0", "--data-dir", str(data_dir), *flags]
    reader, writer = pty.openpty() if terminal else (-1, os.open(log, os.O_CREAT | os.O_WRONLY))
    process = subprocess.Popen(command, stdout=writer, stderr=writer)
    os.close(writer)
    try:
        deadline = time.monotonic() + 60
        while not is_served(data_dir):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        time.sleep(0.3)
        if terminal:
            log.write_bytes(os.read(reader, 65536))
        yield log
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        if terminal:
            os.close(reader)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_a_terminal_shows_the_key_and_only_the_owner_reads_the_data(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    (data_dir / "blobs" / "ab").mkdir(parents=True)
    old = [data_dir / name for name in ("litsweep.db", "server.log", "users", "server.json", "blobs/ab/x")]
    for path in old:
        path.touch()
    for path in (data_dir, *data_dir.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with serving(tmp_path, "--host", "0.0.0.0") as log:
        key = (data_dir / "api_key").read_text().strip()
        text = log.read_text()
        found = [data_dir, *data_dir.rglob("*")]
        assert {path.name: oct(mode_of(path)) for path in found if mode_of(path) & 0o077} == {}
        assert {"litsweep.db-wal", "litsweep.db-shm", "incoming"} <= {path.name for path in found}
    assert key not in text and "signature=" not in text
    assert "export WANDB_BASE_URL=" in text and f"litsweep env --data-dir {data_dir}" in text
    assert "--host 0.0.0.0 the key and all data cross the network unencrypted" in text
    assert "TLS proxy" in text and "--allowed-host" in text
    with serving(tmp_path, terminal=True) as log:
        text = log.read_text()
    assert f"export WANDB_API_KEY={key}" in text and re.search(r"Dashboard: .*/login\?signature=", text)
    assert "unencrypted" not in text


@pytest.mark.parametrize(
    ("host", "warns"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("127.1.2.3", False), ("0.0.0.0", True),
     ("::", True), ("192.0.2.7", True)],
)  # fmt: skip
def test_a_server_on_the_network_warns(host: str, warns: bool) -> None:
    assert ("TLS proxy" in warning_of_network(host, "http://10.1.1.1:80")) == warns


URLS = [
    f"postgresql://me:{SECRET}@127.0.0.1:1/db",
    f"postgresql://me:{SECRET}@127.0.0.1:port/db",
    f"postgresql://me:{SECRET}@x@127.0.0.1:1/db",
    f"postgresql://me:{SECRET}/x@127.0.0.1:1/db",
    f"postgresql://127.0.0.1:1/db?user=me&password={SECRET}",
    f"postgresql//me:{SECRET}@127.0.0.1/db",
    f"mysql://me:{SECRET}@127.0.0.1/db",
    f"me:{SECRET}@127.0.0.1",
]


@pytest.mark.parametrize("url", URLS)
def test_no_message_shows_the_database_s_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LITSWEEP_DATABASE_URL", url)
    assert main(["serve", "--port", "0", "--data-dir", str(tmp_path)]) == 1
    said = "".join(capsys.readouterr())
    assert said.startswith("litsweep: ") and SECRET not in said and "127.0.0.1" in said


def test_the_database_comes_from_a_flag_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://file@127.0.0.1:1/db\n")
    monkeypatch.setenv("LITSWEEP_DATABASE_URL", "postgresql://variable@127.0.0.1:1/db")
    serve = ["serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    flag = ["--database-url", f"postgresql://flag:{SECRET}@127.0.0.1:1/db"]
    for flags, user in ((flag, "flag:***"), (["--database-url-file", str(file)], "file"), ([], "variable")):
        assert main([*serve, *flags]) == 1
        said = capsys.readouterr().err
        assert f"cannot use the database postgresql+psycopg://{user}@127.0.0.1" in said and SECRET not in said
        assert ("list of processes" in said) == (flags is flag)
    assert main([*serve, "--database-url-file", str(tmp_path)]) == 1
    assert f"--database-url-file {tmp_path}: cannot be read (Is a directory); name" in capsys.readouterr().err
    for url in ("text", f"mysql://me:{SECRET}@host/db", f"postgresql://me@host:{SECRET}/db"):
        assert main([*serve, "--database-url", url]) == 1
        said = capsys.readouterr().err
        assert "is not one that the server can use" in said and "postgresql://user" in said, url
    assert main([*serve, *flag, "--database-url-file", str(file)]) == 1
    assert "give only one of them" in capsys.readouterr().err


def test_a_path_of_sqlite_may_have_any_character(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a:b@c.db"
    database = Database(url)
    database.create_tables()
    database.close()
    assert (tmp_path / "a:b@c.db").is_file()
    assert masked(f"sqlite:///{tmp_path}/plain.db") == f"sqlite:///{tmp_path}/plain.db"
