"""W&B's environment variables mean the same for `litsweep run` and `launch` as for the stock client."""

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from litsweep.cli import main
from litsweep.cli.commands import build_parser
from litsweep.launch.credentials import require_online
from litsweep.launch.starter import Child
from litsweep.launch.variables import Http, failures_allowed
from litsweep.launch.warm_agent import RunProcess
from tests.compat.stock import create_sweep
from tests.live_server import LiveServer

TELLS = """
import json, os, sys, wandb
with wandb.init() as run:
    run.log({"loss": 1.0})
told = {
    "path": run.path.rpartition("/")[0], "name": run.name, "group": run.group, "job_type": run.job_type,
    "notes": run.notes, "tags": run.tags, "config": dict(run.config), "dir": run.dir.partition("/wandb/")[0],
    "is_own_id": run.id != "chosen" and run.sweep_id != "chosen", "resume": run.settings.resume,
    "host": run.settings.host, "ignore": run.settings.ignore_globs, "quiet": run.settings.quiet,
    "program": run.settings.program, "cache": os.environ["WANDB_CACHE_DIR"], "console": run.settings.console,
}
json.dump(told, open(sys.argv[1], "w"))
"""
SWEEP = """
program: train.py
method: grid
metric: {name: loss}
command: ["${env}", "${interpreter}", "${program}", "told-%s.json"]
parameters: {x: {value: 1}}
"""
VARIABLES = {
    "WANDB_SILENT": "true",
    "WANDB_QUIET": "true",
    "WANDB_PROJECT": "mine",
    "WANDB_ENTITY": "New Team",
    "WANDB_NAME": "named",
    "WANDB_RUN_GROUP": "grouped",
    "WANDB_JOB_TYPE": "train",
    "WANDB_NOTES": "noted: é",
    "WANDB_TAGS": "a,b c",
    "WANDB_HOST": "a-host",
    "WANDB_RESUME": "allow",
    "WANDB_IGNORE_GLOBS": "*.ckpt,*.tmp",
    "WANDB_PROGRAM": "other.py",
    "WANDB_MODE": "online",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DEBUG": "true",
    "WANDB_ANONYMOUS": "allow",
    "WANDB_START_METHOD": "thread",
    "WANDB_INIT_TIMEOUT": "60",
    "WANDB__SERVICE_WAIT": "60",
    "WANDB_HTTP_TIMEOUT": "30",
    "WANDB_AGENT_REPORT_INTERVAL": "1",
    "WANDB_AGENT_KILL_DELAY": "5",
    "WANDB_AGENT_DISABLE_FLAPPING": "true",
    # The agent's own, which it sets anew for each run:
    "WANDB_RUN_ID": "chosen",
    "WANDB_SWEEP_ID": "chosen",
    "WANDB_SWEEP_PARAM_PATH": "/no/such/file",
    # Another server's, which `litsweep run` does not talk to:
    "WANDB_BASE_URL": "https://wandb.example",
    "WANDB_API_KEY": "short",
    "WANDB_IDENTITY_TOKEN_FILE": "/no/such/token",
}
LITSWEEP = [sys.executable, "-m", "litsweep"]


def start(argv: list[str], environ: dict[str, str], folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        argv, env=environ, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def told(agent: str, server: LiveServer, client_env: dict[str, str], folder: Path) -> dict[str, object]:
    """Return what a run of `litsweep run` with this agent sees under VARIABLES."""
    (folder / "train.py").write_text(TELLS)
    (folder / "files").mkdir(exist_ok=True)
    (folder / f"{agent}.yaml").write_text(SWEEP % agent)
    environ = client_env | VARIABLES | {"WANDB_DIR": str(folder / "files")}
    flags = ["--agent", agent, "--data-dir", str(server.data_dir)]
    process = start([*LITSWEEP, "run", f"{agent}.yaml", *flags], environ, folder)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0 and "Sweep New Team/mine/" in out, said
    assert f"server of {server.data_dir}, not WANDB_BASE_URL=https://wandb.example" in said
    assert "Starting the server" not in said, "it runs already"
    result: dict[str, object] = json.loads((folder / f"told-{agent}.json").read_text())
    return result


def test_what_the_runs_see(module_server: LiveServer, module_env: dict[str, str], tmp_path: Path) -> None:
    run = told("warm", module_server, module_env, tmp_path)
    assert run["path"] == "New Team/mine" and run["name"] == "named" and run["is_own_id"]
    assert run["tags"] == ["a", "b c"] and run["notes"] == "noted: é" and run["config"] == {"x": 1}
    assert run["group"] == "grouped" and run["job_type"] == "train" and run["dir"] == str(tmp_path / "files")
    assert run["host"] == "a-host" and run["ignore"] == ["*.ckpt", "*.tmp"] and run["resume"] == "allow"


@pytest.mark.slow
def test_the_runs_of_every_agent_see_the_same(
    module_server: LiveServer, module_env: dict[str, str], tmp_path: Path
) -> None:
    warm, stock = (told(agent, module_server, module_env, tmp_path) for agent in ("warm", "stock"))
    assert warm == stock


def test_a_sweep_s_short_name_is_completed_from_the_environment(
    module_server: LiveServer, module_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(TELLS)
    sweep = create_sweep(SWEEP % "launched", module_env, tmp_path).rpartition("/")[2]
    environ = module_env | {"WANDB_ENTITY": "local", "WANDB_PROJECT": "p", "WANDB_SILENT": "true"}
    done = [
        subprocess.run(
            [*LITSWEEP, *argv], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        for argv in (["launch", sweep, "--gpus", "none"], ["best", f"p/{sweep}"])
    ]
    assert [each.returncode for each in done] == [0, 0], done
    assert f"Sweep local/p/{sweep} (finished): 1 finished" in done[1].stdout


FAILS = "import sys, wandb\nwandb.init().finish()\nsys.exit(3)\n"


def test_runs_that_fail_in_a_row(
    module_server: LiveServer, module_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(FAILS)
    (tmp_path / "sweep.yaml").write_text((SWEEP % "").replace("{value: 1}", "{values: [1, 2, 3, 4]}"))
    flags = ["--agent", "warm", "--data-dir", str(module_server.data_dir), "--json", "out.json"]
    environ = module_env | {"WANDB_AGENT_MAX_INITIAL_FAILURES": "1"}
    process = start([*LITSWEEP, "run", "sweep.yaml", *flags], environ, tmp_path)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert sum(json.loads((tmp_path / "out.json").read_text())["runs"].values()) == 1


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ({}, 3),
        ({"WANDB_AGENT_DISABLE_FLAPPING": "true"}, 5),
        ({"WANDB_AGENT_MAX_INITIAL_FAILURES": "9"}, 9),
        ({"WANDB_AGENT_MAX_INITIAL_FAILURES": "many"}, 3),
    ],
)
def test_the_default_of_failures_in_a_row(
    values: dict[str, str], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_AGENT_DISABLE_FLAPPING", "WANDB_AGENT_MAX_INITIAL_FAILURES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert build_parser().parse_args(["launch", "p/id"]).max_consecutive_failures == limit
    assert (
        build_parser()
        .parse_args(["launch", "p/id", "--max-consecutive-failures", "2"])
        .max_consecutive_failures
        == 2
    )
    assert failures_allowed() == limit


def test_the_kill_delay(tmp_path: Path) -> None:
    environ = {"WANDB_AGENT_KILL_DELAY": "900"}
    with subprocess.Popen(["sleep", "60"]) as process, closing(asyncio.new_event_loop()) as loop:
        child = Child(process.pid, 0, loop.create_future())
        run = RunProcess("r", child, tmp_path / "log", environ)
        run.stop()
        assert 890 < run.seconds_to_kill() <= 900


def test_requests_go_as_the_client_s_would() -> None:
    environ = {
        "WANDB_HTTP_TIMEOUT": "7",
        "WANDB_INSECURE_DISABLE_SSL": "True",
        "WANDB_HTTP_PROXY": "http://proxy:1",
        "WANDB_X_EXTRA_HTTP_HEADERS": '{"X-Team": "vision"}',
    }
    http = Http(environ)
    assert (http.timeout, http.verify, http.headers["X-Team"]) == (7, False, "vision")
    assert http.proxies == {"http": "http://proxy:1"}
    assert Http({}).verify


@pytest.mark.parametrize("mode", ["", "online", "run", "shared"])
def test_modes_in_which_runs_reach_the_server(mode: str) -> None:
    require_online({"WANDB_MODE": mode})


def refused(argv: list[str], name: str, value: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the message of a command for one wrong variable, in a new process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        assert main(argv) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WANDB_MODE", "disabled", "WANDB_MODE: must be online for the runs of a sweep, got disabled"),
        (
            "WANDB_AGENT_KILL_DELAY",
            "soon",
            "WANDB_AGENT_KILL_DELAY: must be a whole number of seconds, got 'soon'",
        ),
        ("WANDB_DIR", "/dev/null/below", "WANDB_DIR: must be a folder that you can write to"),
        ("WANDB_AGENT_REPORT_INTERVAL", "1.5", "WANDB_AGENT_REPORT_INTERVAL: must be a whole number"),
        ("WANDB_HTTP_TIMEOUT", "x", "WANDB_HTTP_TIMEOUT: must be a whole number"),
        ("WANDB_X_EXTRA_HTTP_HEADERS", "X: y", "WANDB_X_EXTRA_HTTP_HEADERS: must be a JSON object"),
    ],
)
def test_values_that_every_agent_refuses(
    name: str, value: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(["run", str(tmp_path / "sweep.yaml")], name, value, capsys)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "WANDB_API_KEY",
            "short",
            "WANDB_API_KEY: a key has 40 characters or more, this one has 5; `litsweep env`",
        ),
        ("WANDB_IDENTITY_TOKEN_FILE", "/a/file", "the client refuses both; unset one"),
        ("WANDB_BASE_URL", "127.0.0.1:8765", "WANDB_BASE_URL: must begin with http:// or https://"),
    ],
)
@pytest.mark.parametrize("command", ["launch", "best", "status"])
def test_keys_and_addresses_that_cannot_be(
    command: str,
    name: str,
    value: str,
    said: str,
    module_server: LiveServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", module_server.url)
    monkeypatch.setenv("WANDB_API_KEY", module_server.key)
    assert said in refused([command, "local/p/abcd1234"], name, value, capsys)


CREATE = """
import os, sys
from pathlib import Path
from litsweep.cli.check import check_config
from litsweep.cli.local_run import create_sweep
from litsweep.errors import LitsweepError
for values in eval(sys.argv[1]):
    os.environ.update(values)
    try:
        print(create_sweep(Path("sweep.yaml"), check_config(Path("sweep.yaml"))))
    except LitsweepError as error:
        print("refused", error)
    for name in ("WANDB_ENTITY", "WANDB_PROJECT"):
        os.environ.pop(name, None)
"""


def test_where_a_sweep_goes_and_why_it_cannot(module_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    (tmp_path / "sweep.yaml").write_text(SWEEP % "" + "project: from-yaml\n")
    cases = [{}, {"WANDB_PROJECT": "mine"}, {"WANDB_ENTITY": "a/b"}, {"WANDB_PROJECT": " "}]
    argv, silent = [sys.executable, "-c", CREATE], module_env | {"WANDB_SILENT": "true"}
    well = start([*argv, repr(cases)], silent, tmp_path)
    wrong = start([*argv, repr(cases[:1])], silent | {"WANDB_API_KEY": "0" * 40}, tmp_path)
    yaml, mine, slash, blank = well.communicate(timeout=60)[0].splitlines()
    assert yaml.startswith("local/from-yaml/") and mine.startswith("local/mine/")
    assert slash.startswith("refused entity: must be a name without /,") and "got 'a/b'; change" in slash
    assert blank.startswith("refused project: must be a name without / ") and "got ' '; change" in blank
    said = wrong.communicate(timeout=60)[0]
    assert said.startswith("refused `wandb sweep sweep.yaml` failed: Failed to verify credentials with http")


def test_a_setting_that_the_client_refuses(module_env: dict[str, str], tmp_path: Path) -> None:
    environ = module_env | {"WANDB_CONSOLE": "bogus"}
    argv = [*LITSWEEP, "best", "local/p/abcd1234"]
    done = subprocess.run(argv, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("litsweep: WANDB_CONSOLE: Input should be 'auto', 'off'")
    assert done.stderr.endswith("got 'bogus'; correct it, or unset it\n")
