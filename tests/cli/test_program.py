"""Kinds of `program`: `check` finds missing ones, and `run` runs the others."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

import pytest
import yaml

from litsweep.cli import main
from litsweep.cli.check import fixed_arguments, uses_pipeline
from litsweep.cli.program import program_faults, program_warnings
from litsweep.sweep.config import SweepConfig, parse_sweep
from tests.live_server import LiveServer

MODULE = ["${env}", "${interpreter}", "-m", "${program}", "${args}"]
EXECUTABLE = ["${env}", "${program}", "${args}"]


def sweep(program: str | None, command: Sequence[str] | None = None) -> SweepConfig:
    top: dict[str, object] = {"method": "random", "parameters": {"x": {"value": 1}}}
    top |= {} if program is None else {"program": program}
    return parse_sweep(top if command is None else top | {"command": list(command)})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a working folder with a program of every kind, and enter it."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "src/pkg/__init__.py",
        "src/pkg/main.py",
        "src/pkg/__main__.py",
        "plain/mod.py",
        "app/__main__.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('imported')  # litsweep.pipeline\n")
    (tmp_path / "my train.py").write_text("")
    (tmp_path / "train.py").write_text("import litsweep.pipeline\n")
    for name, text in (
        ("run.sh", "#!/bin/sh\n# litsweep.pipeline\n"),
        ("cli", "#!/usr/bin/env python\n# litsweep.pipeline\n"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 8)
    return tmp_path


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("train.py", None),
        ("my train.py", None),
        ("./train.py", ["python3", "-u", "-W", "ignore", "${program}"]),
        ("app", None),
        ("src.pkg.main", MODULE),
        ("src.pkg", MODULE),
        ("plain.mod", ["python", "-X", "dev", "-m", "${program}"]),
        ("./run.sh", EXECUTABLE),
        ("./binary", ["./binary", "${args}"]),
        ("pytest", EXECUTABLE),
        ("gone.py", ["bash", "${program}"]),
        ("gone.py", ["docker", "run", "image", "python", "${program}", "${args}"]),
        ("gone.mod", ["/other/python", "-m", "${program}"]),
        ("gone.mod", ["${env}", "PYTHONPATH=elsewhere", *MODULE[1:]]),
        ("gone.mod", ["torchrun", "-m", "${program}"]),
        ("https://host/train.py", ["curl", "${program}"]),
        (None, ["python", "-c", "import train"]),
        (None, ["python", "train.py", "${args}"]),
    ],
)  # fmt: skip
def test_programs_that_can_run(program: str | None, command: list[str] | None, folder: Path) -> None:
    if program == "./binary":
        (folder / "binary").chmod(0o755)
    config = sweep(program, command)
    assert program_faults(config) == [] and program_warnings(config) == []


@pytest.mark.parametrize(
    ("program", "command", "said"),
    [
        ("gone.py", None,
         "program: must be a file in the working folder, got 'gone.py'; start in"),
        ("src", None, "program: must be a file"),
        ("https://host/train.py", None, "program: must be a file"),
        ("~/train.py", None, "program: must be a file"),
        ("train.py --fast", None, "write its options as further items of `command`"),
        ("gone.py", ["python", "-u", "${program}"], "program: must be a file"),
        ("src.pkg.main", None, "${interpreter}\", -m, \"${program}\""),
        (None, None, "program: an agent needs a program to run"),
        (None, ["python", "${program}"], "program: an agent needs a program to run"),
    ],
)  # fmt: skip
def test_programs_that_are_refused(
    program: str | None, command: list[str] | None, said: str, folder: Path
) -> None:
    (fault,) = program_faults(sweep(program, command))
    assert said in str(fault)


@pytest.mark.parametrize(
    ("program", "command", "said"),
    [
        ("src.pkg.gone", MODULE, "program: the module 'src.pkg.gone' is not found by"),
        ("plain", MODULE, "the module 'plain' is not found"),
        ("train.py", MODULE, "the module 'train.py' is not found"),
        ("train.py", EXECUTABLE, "the executable 'train.py' is not found on PATH; write ./"),
        (None, ["python", "gone.py"], "command: the file 'gone.py' is not found in"),
    ],
)
def test_programs_with_a_warning(program: str | None, command: list[str], said: str, folder: Path) -> None:
    config = sweep(program, command)
    assert program_faults(config) == []
    (warning,) = program_warnings(config)
    assert said in warning


@pytest.mark.parametrize(
    ("program", "command", "uses"),
    [
        ("train.py", None, True),
        ("src.pkg.main", MODULE, True),
        ("src.pkg", MODULE, True),
        ("train.py", ["torchrun", "--nproc=2", "${program}", "${args}"], True),
        (None, ["python", "train.py", "${args}"], True),
        ("./cli", EXECUTABLE, True),
        ("./run.sh", EXECUTABLE, False),
        ("run.sh", ["bash", "${program}"], False),
        ("my train.py", None, False),
        ("./binary", EXECUTABLE, False),
        ("gone.mod", MODULE, False),
        (None, ["python", "-c", "import litsweep.pipeline"], False),
    ],
)
def test_whether_the_pipeline_runs(
    program: str | None, command: list[str] | None, uses: bool, folder: Path
) -> None:
    assert uses_pipeline(sweep(program, command)) is uses


def test_the_arguments_that_all_runs_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT_OF_DATA", "/data")
    items = ["--data.root=${envvar:ROOT_OF_DATA}", "--fast", "${args}"]
    for command in (["python", "-m", "${program}"], ["python", "agent.py"], ["python", "${program}"]):
        assert fixed_arguments(sweep("agent", [*command, *items])) == ["--data.root=/data", "--fast"]


LOGS = (
    "import sys, wandb\nwith wandb.init() as run:\n    run.log({'loss': float(sys.argv[1].split('=')[1])})\n"
)


def test_every_kind_runs(module_server: LiveServer, module_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "main.py").write_text(LOGS)
    (tmp_path / "bin").mkdir()
    for name, text in (
        ("run it.sh", '#!/bin/sh\nexec python -m pkg.main "$@"\n'),
        ("bin/own-train", f"#!{sys.executable}\n{LOGS}"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"  # this Python's folder is not on it
    kinds = {
        "module": ("pkg.main", MODULE),
        "script": ("./run it.sh", EXECUTABLE),
        "console": ("own-train", EXECUTABLE),
    }
    started = [
        start(kind, *how, tmp_path, module_env | {"PATH": path}, module_server) for kind, how in kinds.items()
    ]
    for process in started:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0 and "1 finished" in out and "loss (best)  3" in out, out


def start(
    name: str,
    program: str,
    command: list[str],
    folder: Path,
    environ: dict[str, str],
    server: LiveServer,
) -> "subprocess.Popen[str]":
    """Execute `litsweep run` on a sweep of one run."""
    top: dict[str, object] = {"program": program, "method": "grid", "metric": {"name": "loss"}}
    top |= {"parameters": {"x": {"value": 3.0}}, "command": command}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(top))
    argv = [
        sys.executable,
        "-m",
        "litsweep",
        "run",
        f"{name}.yaml",
        "--agent",
        "warm",
        "--data-dir",
        str(server.data_dir),
    ]
    return subprocess.Popen(
        argv, env=environ, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_a_module_of_an_editable_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            source = folder / "src" / "pkg" / "__init__.py"
            return spec_from_file_location(name, source) if name == "edited" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert program_warnings(sweep("edited.main", MODULE)) == []
    (folder / "edited").mkdir()
    assert program_warnings(sweep("edited.main", MODULE)) == []
    assert program_warnings(sweep("edited.gone", MODULE)) != []


def test_check_says_whether_it_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep("plain.mod", MODULE).raw))
    (folder / "plain" / "mod.py").write_text("")
    assert main(["check", "s.yaml"]) == 0
    assert (
        f"ok           program: the module plain.mod is found ({folder}/plain/mod.py)"
        in capsys.readouterr().out
    )
    (folder / "plain" / "mod.py").unlink()
    assert main(["check", "s.yaml"]) == 0
    out, err = capsys.readouterr()
    assert "not checked  program: plain.mod is not found from here" in out
    assert "warning: program: the module 'plain.mod' is not found by" in err
