"""A user's mistake gives one paragraph with path, value and fix, a non-zero exit and no traceback."""

import signal
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from litsweep import pipeline
from litsweep.cli import main
from litsweep.cli.check import check_metrics
from litsweep.errors import ConfigError
from litsweep.launch.protocol import no_sweep
from litsweep.sweep.config import parse_sweep

AGENT = Path(__file__).parents[2] / "agent.py"
SWEEP = """
program: {program}
method: random
metric: {{name: {metric}, goal: maximize}}
run_cap: 2
command: ["${{env}}", "${{interpreter}}", "${{program}}", --data.dataset, {dataset}, "${{args}}"]
parameters:
  {parameters}
"""


def sweep_file(
    folder: Path,
    parameters: str = "model.learning_rate: {min: 0.001, max: 0.1}",
    *,
    program: Path = AGENT,
    metric: str = "val_acc",
    dataset: str = "digits",
) -> str:
    path = folder / "sweep.yaml"
    path.write_text(SWEEP.format(program=program, metric=metric, dataset=dataset, parameters=parameters))
    return str(path)


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Return the message of a failing command: once on stderr, nothing on stdout, no traceback."""
    assert main(argv) not in (0, None)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


def test_modes_in_which_no_run_reaches_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert "WANDB_MODE: must be online" in refused(capsys, "run", sweep_file(tmp_path))


def test_unknown_parameter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sweep_file(tmp_path, "model.learning_rat: {min: 0.001, max: 0.1}")
    said = refused(capsys, "check", path)
    assert "model.learning_rat" in said
    assert "model.learning_rate" in said.replace("model.learning_rat:", "")


def test_a_mode_that_contradicts_the_goal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "check", sweep_file(tmp_path, "mode: {value: min}"))
    assert "parameters.mode: must be max with `goal: maximize` of val_acc" in said


def test_a_monitor_that_no_run_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = "monitor: {value: val_accc}\n  mode: {value: max}\n  data.cache: {value: %s}" % (tmp_path / "c")
    path = sweep_file(tmp_path, entries)
    with Path(path).open("a") as file:
        file.write('litsweep: {constraints: {val_los: "<= 1", val_loss: "<= 2", latency: "<= 3"}}\n')
    said = refused(capsys, "check", path)
    assert "parameters.monitor: must be a metric that a run logs" in said
    assert "use val_acc" in said
    assert (
        "litsweep.constraints.val_los: must be a metric that a run logs, got 'val_los'; use val_loss" in said
    )
    assert "litsweep.constraints.val_loss" not in said
    assert "litsweep.constraints.latency: must be a metric that a run logs" in said
    assert "if the program logs it after training, check with --no-metric" in said


def test_wrong_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "check", sweep_file(tmp_path, "data.batch_size: {values: [32, many]}"))
    assert "data.batch_size" in said
    assert "many" in said
    assert "int" in said


def test_every_wrong_name_and_value_is_reported_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = (
        "{model.foo: {values: [1, 2]}, model.optimizer: {values: [adamm, sgdd, sgd]}, "
        "data: {parameters: {batch_size: {min: 0.1, max: 0.9}}}}"
    )
    said = refused(capsys, "check", sweep_file(tmp_path, parameters)).splitlines()
    assert said[1].startswith("  parameters.model.foo: is not a parameter, got '1', '2'; did you mean")
    assert said[2].startswith("  parameters.data.parameters.batch_size: needs int, got '0.1")
    assert [line.strip() for line in said[3:]] == [
        f"parameters.model.optimizer: needs one of sgd, adam, adamw, got '{wrong}'; did you mean {right}?"
        for wrong, right in (("adamm", "adam"), ("sgdd", "sgd"))
    ]


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ("model.dropout: {min: 0.0, max: 1.5}", "must be in [0, 1), got '1.498'"),
        ("model.dropout: {distribution: normal, mu: 0.5}", "must be in [0, 1), got '-2.59', '3.59'"),
        ("model.learning_rate: {values: [0.1, 0.0]}", "must be a number above 0, got '0.0'"),
        ("data.batch_size: {min: 0, max: 9}", "must be at least 1, got '0'"),
        ("data.val_fraction: {value: 1}", "must lie between 0 and 1, got '1'"),
        ("patience: {value: -1}", "must be at least 0, got '-1'"),
        ("data.image_size: {min: 0.001, max: 0.1}", "needs int or None, got '0.001099', '0.0999'"),
        ("model.backbone: {values: [tutorial, resnt, resnet]}", "got 'resnt'"),
    ],
)
def test_a_value_outside_its_range(
    parameter: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "check", "--no-metric", sweep_file(tmp_path, parameter))
    assert f"parameters.{parameter.partition(':')[0]}: " in said
    assert words in said


def test_min_not_below_max(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "check", sweep_file(tmp_path, "model.dropout: {min: 0.5, max: 0.1}"))
    assert "parameters.model.dropout" in said
    assert "min=0.5" in said
    assert "max=0.1" in said


def test_number_that_yaml_reads_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "check", sweep_file(tmp_path, "model.learning_rate: {min: 1e-4, max: 0.1}"))
    assert "parameters.model.learning_rate.min" in said
    assert "write 1.0e-4" in said


def test_metric_that_no_run_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "check", sweep_file(tmp_path, metric="val/acc"))
    assert "metric.name" in said
    assert "'val/acc'" in said
    assert "use val_acc" in said


def test_one_of_several_metrics_that_no_run_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "logged_metrics", lambda argv: {"val_acc"})
    metrics = [{"name": "val_acc"}, {"name": "val_ac"}]
    config = parse_sweep({"method": "random", "metrics": metrics, "parameters": {"seed": {"value": 1}}})
    with pytest.raises(ConfigError, match=r"metrics\[1\]\.name: .* got 'val_ac'; use val_acc"):
        check_metrics(Path("sweep.yaml"), config)


def test_the_best_value_of_the_monitored_metric_is_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline writes `best_` and the monitored metric into the summary."""
    monkeypatch.setattr(pipeline, "logged_metrics", lambda argv: {"val_acc"})
    space = {"seed": {"value": 1}}
    for name in ("best_val_acc", "best_val_ac"):
        metric = {"name": name, "goal": "maximize"}
        config = parse_sweep({"method": "random", "metric": metric, "parameters": space})
        with nullcontext() if name == "best_val_acc" else pytest.raises(ConfigError, match=r"metric\.name"):
            check_metrics(Path("sweep.yaml"), config)


def test_missing_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "run", sweep_file(tmp_path, program=tmp_path / "train.py"))
    assert "program: must be a file" in said
    assert "train.py" in said


def test_unreadable_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text("method: [random\nparameters: }")
    said = refused(capsys, "run", str(path))
    assert "sweep.yaml" in said
    assert "line 2, column" in said


def test_no_such_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read (No such file" in refused(capsys, "check", str(tmp_path / "none.yaml"))


def test_no_such_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "check", sweep_file(tmp_path, dataset="cifar11"))
    assert "data.dataset" in said
    assert "cifar11" in said
    assert "cifar10" in said.replace("cifar11", "")


def test_port_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(capsys, "serve", "--data-dir", str(tmp_path), "--port", str(port))
    assert f"port {port}" in said
    assert "--port 0" in said


@pytest.mark.parametrize("command", [("env",), ("best", "local/p/abcd1234"), ("launch", "local/p/abcd1234")])
def test_server_not_running(
    command: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    said = refused(capsys, *command, "--data-dir", str(tmp_path))
    assert str(tmp_path) in said
    assert "litsweep serve" in said


def test_a_yaml_file_is_not_a_sweep_s_path() -> None:
    said = str(no_sweep("sweeps/quickstart.yaml"))
    assert said.endswith("not a sweep; `litsweep run sweeps/quickstart.yaml` creates and runs its sweep")


def test_an_address_of_another_machine_cannot_be_listened_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "serve", "--data-dir", str(tmp_path), "--host", "192.0.2.1", "--port", "0")
    assert "--host 192.0.2.1: is not an address of this machine" in said


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "COMMAND" in err and "launch" in err


@pytest.mark.parametrize("command", ["serve", "run"])
@pytest.mark.parametrize("below", ["", "below"])
def test_a_data_folder_that_cannot_be_one(
    command: str, below: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    data_dir = tmp_path / "file" / below
    sweep = [sweep_file(tmp_path)] if command == "run" else []
    said = refused(capsys, command, *sweep, "--data-dir", str(data_dir), "--port", "0")
    assert f"--data-dir {data_dir}: cannot be used" in said


@pytest.mark.parametrize(
    "flags", [("--port", "65536"), ("--port", "-1"), ("--json", "/no/such/folder/result.json")]
)
def test_flags_are_checked_before_any_work(
    flags: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", sweep_file(tmp_path), *flags])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert f"argument {flags[0]}: {flags[1]!r} is" in said


def test_the_server_that_the_environment_names_does_not_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    said = refused(capsys, "best", "local/p/abcd1234")
    assert "WANDB_BASE_URL=http://127.0.0.1:1 does not answer (Connection refused)" in said
    assert "start that server (`litsweep serve --port 1`)" in said


@pytest.mark.parametrize("sweep", ["local/p/abcd1234", "abcd1234"])
def test_no_such_sweep(sweep: str, client_env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "litsweep", "best", sweep]
    done = subprocess.run(command, env=client_env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"litsweep: there is no sweep {sweep}: write ENTITY/PROJECT/ID")


def test_the_command_line_ends_the_same_way(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "litsweep", "check", str(tmp_path / "none.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("litsweep: ")
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_the_commands_are_imported_is_no_traceback() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "litsweep", "launch", "sweep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "argparse" in line)
        process.send_signal(signal.SIGINT)
        said = [line for line in process.stderr if not line.startswith("import time:")]
    assert process.returncode == 130
    assert said == ["litsweep: interrupted\n"]
