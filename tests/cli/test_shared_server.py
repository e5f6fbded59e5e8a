"""All `litsweep run` on a data folder share one server, which ends with the last of them."""

import errno
import fcntl
import resource
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from litsweep.cli.local_server import running_server
from litsweep.cli.shared_server import shared_server
from litsweep.errors import LitsweepError
from tests.live_server import LiveServer


def test_it_ends_with_the_last_that_uses_it(tmp_path: Path) -> None:
    first, second = ExitStack(), ExitStack()
    started = first.enter_context(shared_server(tmp_path, 0))
    assert not started.stays
    assert second.enter_context(shared_server(tmp_path, 0)) == started
    first.close()
    assert running_server(tmp_path) is not None  # the second still works on it
    second.close()
    assert running_server(tmp_path) is None


def test_a_server_that_a_person_started_is_left_alone(server: LiveServer) -> None:
    with shared_server(server.data_dir, 0) as backend:
        assert backend.stays
        assert backend.url == server.url
    assert running_server(server.data_dir) == backend


def test_only_the_owner_reads_the_data(tmp_path: Path) -> None:
    data_dir, shared = tmp_path / "data", tmp_path / "shared"
    shared.mkdir(mode=0o750)
    (shared / "server.log").touch(mode=0o644)
    with shared_server(data_dir, 0) as backend, shared_server(shared, 0):
        log = (data_dir / "server.log").read_text()
        assert backend.url in log and backend.api_key not in log and "signature=" not in log
    assert mode_of(data_dir) == 0o700
    assert mode_of(data_dir / "server.log") == mode_of(shared / "server.log") == 0o600
    assert mode_of(shared) == 0o700


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    refused = pytest.raises(
        LitsweepError, match=r"--data-dir .*: cannot be used \(No locks available\); name a"
    )
    with refused, shared_server(tmp_path, 0):
        pass


def test_a_full_disk_at_the_start(tmp_path: Path) -> None:
    refused = pytest.raises(LitsweepError, match=r"^--data-dir .*: cannot be used \(File too large\); name")
    _, most = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        with refused, shared_server(tmp_path, 0):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "litsweep.db").mkdir()
    (tmp_path / "server.log").write_text("the log of an earlier server\n")
    refused = pytest.raises(LitsweepError, match=r"did not start; the end of .*server\.log:\n.*database")
    with refused as said, shared_server(tmp_path, 0):
        pass
    assert "earlier" not in str(said.value)
