"""A full disk, closed streams and other encodings: one line, no traceback."""

import errno
import io
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from litsweep.cli import main
from litsweep.cli.streams import open_streams
from litsweep.cli.system_faults import explained
from litsweep.errors import LitsweepError

SWEEP = """
program: train.py
method: random
run_cap: 2
parameters: {größe: {min: 0.0, max: 1.0}}
"""


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return `litsweep check` of a good sweep."""
    monkeypatch.chdir(tmp_path)
    Path("sweep.yaml").write_text(f"# größe\n{SWEEP}", encoding="utf-8")
    Path("train.py").touch()
    return lambda: main(["check", "sweep.yaml"])


def test_a_full_disk(
    check: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert check() == 1
    said = capsys.readouterr().err
    assert said.endswith("litsweep: cannot write the output (No space left on device)\n")


def test_another_error_does_not_lose_the_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def execute(*_: object) -> int:
        print("shown")
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("litsweep.cli.commands.execute", execute)
    monkeypatch.setattr(sys, "stdout", os.fdopen(os.dup(1), "w", encoding="utf-8"))
    assert main(["status"]) == 1
    sys.stdout.close()
    assert capfd.readouterr() == ("shown\n", "litsweep: No locks available\n")


def test_closed_streams(check: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert check() == 0
    assert not sys.stdin.isatty() and sys.stdin.read() == ""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


def test_an_encoding_that_lacks_characters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, check: Callable[[], int]
) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    open_streams()
    print("größe")
    assert check() == 0
    assert shown.getvalue().startswith(b"gr??e\nok ")


@pytest.mark.parametrize(("command", "words"), [("env", ()), ("status", ()), ("best", ("abcd1234",))])
def test_a_data_folder_that_cannot_be_read(
    command: str, words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("WANDB_BASE_URL", raising=False)
    (tmp_path / "server.json").mkdir()
    assert main([command, *words, "--data-dir", str(tmp_path)]) == 1
    said = f"litsweep: --data-dir {tmp_path}: cannot be used (server.json: Is a directory); name a folder"
    assert capsys.readouterr().err.startswith(said)


def test_a_data_folder_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    said = r"--data-dir ~/data: cannot be used \(Permission denied\); name a folder"
    with pytest.raises(LitsweepError, match=said), explained(Namespace(data_dir=Path("~/data"))):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "data"))


def test_other_files_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    data_dir = ["--data-dir", str(tmp_path / "data")]
    for words in (["report", "abcd1234", "-o", long], ["best", "abcd1234", "--json", long]):
        with pytest.raises(SystemExit):
            main([*words, *data_dir])
        assert "': cannot be used (File name too long)" in capsys.readouterr().err
    assert main(["restore", long, *data_dir]) == 1
    assert f"litsweep: {long}: cannot be used (File name too long)" in capsys.readouterr().err
    assert main(["restore", str(tmp_path), *data_dir]) == 1
    assert capsys.readouterr().err == f"litsweep: {tmp_path}: is a folder: name a backup file\n"


def test_a_sweep_s_file_is_read_as_utf_8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sweep.yaml"
    monkeypatch.chdir(tmp_path)
    Path("train.py").touch()
    file.write_bytes(b"\xef\xbb\xbf" + SWEEP.encode())
    assert main(["check", str(file)]) == 0
    file.write_bytes(SWEEP.encode("utf-16"))
    assert main(["check", str(file)]) == 1
    assert "is not a text file in UTF-8" in capsys.readouterr().err


def test_edit_refuses_an_unreadable_file_before_it_starts_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("EDITOR", "VISUAL", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    data_dir = ["--data-dir", str(tmp_path / "data")]
    assert main(["edit", "abcd1234", "--file", str(tmp_path), *data_dir]) == 1
    assert f"cannot read {tmp_path} (Is a directory)" in capsys.readouterr().err
    assert main(["edit", "abcd1234", *data_dir]) == 1
    assert "no editor is set" in capsys.readouterr().err
    assert not os.path.lexists(tmp_path / "data")


def test_a_netrc_that_is_not_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_bytes(b"\xff\xfe")
    assert main(["status", "--data-dir", str(tmp_path / "data")]) == 1
    assert "found no server" in capsys.readouterr().err
