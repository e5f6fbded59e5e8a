"""`litsweep best`: a command that can be pasted, and the front of several metrics."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from litsweep.cli import main
from litsweep.cli.best import show_result
from litsweep.cli.progress import SummaryLine, _caption
from litsweep.cli.sweep_sums import read_sums
from litsweep.cli.watch import _show as show_event
from litsweep.launch.checkpoints import kept_runs
from litsweep.launch.command import command_line
from litsweep.launch.observer import StatusObserver
from litsweep.launch.result import result_of
from litsweep.launch.watch import SweepWatch
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.events import SweepEvent
from tests.live_server import LiveServer
from tests.server.operations import UPSERT_RUN, UPSERT_SWEEP

CONFIG = parse_sweep(
    {
        "method": "random",
        "program": "agent.py",
        "parameters": {"x": {"values": [1]}, "y": {"values": ["a b"]}},
    }
)


def repeat() -> str:
    return command_line(CONFIG, {"x": 1, "y": "a b"}) or ""


def test_the_command_has_python_if_that_is_this_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    python = Path(sys.executable).with_name("python")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", str(python.parent))
    assert repeat() == "python agent.py --x=1 '--y=a b'"


def test_the_command_has_the_path_of_python_if_the_environment_is_not_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    assert repeat().startswith(f"{tmp_path}/.venv/bin/python agent.py")
    monkeypatch.chdir(tmp_path)
    assert repeat().startswith(".venv/bin/python agent.py")


TWO = {
    "method": "random",
    "program": "agent.py",
    "metrics": [{"name": "loss", "goal": "minimize"}, {"name": "speed", "goal": "maximize"}],
    "parameters": {"x": {"values": [1, 2, 3]}, "y": {"value": 0}},
}


def add_run(
    server: LiveServer, sweep: str, name: str, x: int, loss: float, speed: float, y: object = 0
) -> None:
    """Add a run that logs the two metrics in separate rows and ends."""
    config = json.dumps({"x": {"value": x}, "y": {"value": y}})
    server.graphql(UPSERT_RUN, name=name, project="p", entity="local", sweep=sweep, config=config)
    rows = [json.dumps(row) for row in ({"loss": loss, "_step": 0}, {"speed": speed, "_step": 1})]
    chunk = {
        "files": {"wandb-history.jsonl": {"offset": 0, "content": rows}},
        "complete": True,
        "exitcode": 0,
    }
    server.post(f"/files/local/p/{name}/file_stream", chunk)


def test_the_front_of_two_metrics(server: LiveServer, client_env: dict[str, str], tmp_path: Path) -> None:
    made = server.graphql(UPSERT_SWEEP, config=yaml.dump(TWO))["upsertSweep"]["sweep"]["name"]
    for name, x, loss, speed in (("small", 1, 0.5, 9.0), ("large", 2, 0.1, 2.0), ("bad", 3, 0.6, 1.0)):
        add_run(server, made, name, x, loss, speed)
    command = [sys.executable, "-m", "litsweep", "best", f"local/p/{made}", "--json", "out.json"]
    done = subprocess.run(command, env=client_env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Pareto front: 2 runs" in done.stdout and "speed (maximize)" in done.stdout
    assert done.stdout.index("large") < done.stdout.index("small") and "bad" not in done.stdout
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["goals"] == {"loss": "minimize", "speed": "maximize"} and result["best"]["id"] == "large"
    front = {run["id"]: (run["objectives"], run["parameters"]["x"]) for run in result["front"]}
    assert front == {"small": ({"loss": 0.5, "speed": 9.0}, 1), "large": ({"loss": 0.1, "speed": 2.0}, 2)}


def test_the_best_run_meets_the_constraints(
    module_server: LiveServer,
    module_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the server's sums, and by all runs as on W&B's cloud."""
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY"):
        monkeypatch.setenv(name, module_env[name])
    for bound, best, nearest in (
        ("<= 9", "limit-2", ""),
        ("<= 1", None, "the nearest is limit-3- with speed 2"),
    ):
        limits = {"litsweep": {"constraints": {"speed": bound}}}
        config = {**READS_ONLY, **limits, "name": bound}
        made = module_server.graphql(UPSERT_SWEEP, config=yaml.dump(config))["upsertSweep"]["sweep"]["name"]
        for name, loss, speed in (("limit-1", 0.1, 10.0), ("limit-2", 0.2, 9.0), ("limit-3", 0.3, 2.0)):
            row = json.dumps({"loss": loss, "speed": speed})
            chunk = {"files": {"wandb-summary.json": {"offset": 0, "content": [row]}}}
            run = name if best else f"{name}-"
            module_server.graphql(UPSERT_RUN, name=run, project="p", entity="local", sweep=made)
            module_server.post(
                f"/files/local/p/{run}/file_stream", {**chunk, "complete": True, "exitcode": 0}
            )
        sums = read_sums(f"local/p/{made}").result
        status = SweepWatch(f"local/p/{made}").read()
        assert sums == result_of(status)
        assert (sums.best.id if sums.best else None) == best
        assert sums.unmet == ("" if best else f"no run meets the constraints (speed {bound}); {nearest}")
        assert kept_runs(status, 3) == {run.id for run in status.runs}
        observer = StatusObserver()
        list(observer.events(status))
        assert (observer.best.run if observer.best else None) == best
        assert show_result(sums) == (0 if best else 1)
        assert (f" speed ({bound})  9\n" in capsys.readouterr().out) == (best is not None)
        assert main(["status", f"local/p/{made}"]) == 0
        show_event(SweepEvent.FINISHED, status, observer)
        shown, watched = capsys.readouterr().out.rsplit("\n", 2)[:2]
        line, slots = SummaryLine(None).text(status), _caption((), status)
        for text in (shown, watched, line, slots):
            assert ("no run meets the constraints" in text) == (best is None), text
            assert ("limit-2" in text) == (best is not None), text


READS_ONLY: dict[str, object] = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"x": {"value": 1}, "y": {"value": 0}},
}


def test_best_writes_no_file(module_server: LiveServer, module_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "args.json").write_text("mine")
    program = {"program": "t.py", "command": ["python", "${program}", "${args_json_file}"]}
    said = best_of(READS_ONLY | program, "run-1", module_server, module_env, tmp_path)
    written = """printf %s '{"x": 1, "y": 0}' > args-run-1.json"""
    assert f"Repeat it: {written} && python t.py args-run-1.json\n" in said
    assert [path.name for path in tmp_path.iterdir()] == ["args.json"]
    assert (tmp_path / "args.json").read_text() == "mine"


def test_a_function_s_sweep_has_no_command(
    module_server: LiveServer, module_env: dict[str, str], tmp_path: Path
) -> None:
    said = best_of(READS_ONLY, "run-2", module_server, module_env, tmp_path)
    expected = "The sweep names no program: to repeat the run, call your function with {'x': 1, 'y': 0}"
    assert f"{expected}\n" in said and "Repeat it:" not in said


def test_values_are_printed_as_they_are(
    module_server: LiveServer, module_env: dict[str, str], tmp_path: Path
) -> None:
    value = "a:fire: [b]c[/b]"
    odd = {"program": "t.py", "parameters": {"x": {"value": 1}, "y": {"value": value}}}
    said = best_of(READS_ONLY | odd, "run-3", module_server, module_env, tmp_path, value)
    assert f"{value}\n" in said and f" t.py --x=1 '--y={value}'\n" in said


def best_of(
    config: dict[str, object],
    run: str,
    server: LiveServer,
    environ: dict[str, str],
    folder: Path,
    y: object = 0,
) -> str:
    """Return the output of `litsweep best` for a sweep with one run."""
    made = server.graphql(UPSERT_SWEEP, config=yaml.dump(config))["upsertSweep"]["sweep"]["name"]
    add_run(server, made, run, 1, 0.5, 9.0, y)
    command = [sys.executable, "-m", "litsweep", "best", f"local/p/{made}"]
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
