"""A new launcher: one module and its name in the registry. It is also an example."""

import json
import sys
from pathlib import Path

import pytest

from litsweep.cli import main
from litsweep.launch import launcher
from tests import stock_service
from tests.live_server import LiveServer

PRETEND = '''
"""`litsweep launch --on pretend`: notes what it would start, and starts nothing."""

import json
from pathlib import Path

from litsweep.launch.launcher import GPUS_PER_AGENT, Flag, Launcher


def _launch(sweep, args, view):
    asked = {"sweep": sweep, "agents": args.agents, "queue": args.queue, "gpus": args.gpus_per_agent}
    Path("started.json").write_text(json.dumps(asked))


def _fault(args):
    return "--queue: there is no queue nowhere" if args.queue == "nowhere" else None


LAUNCHER = Launcher(
    "pretend", "a pretended cluster", (Flag("--queue", default="short"), GPUS_PER_AGENT), _launch, _fault
)
'''


@pytest.fixture(autouse=True)
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pretend.py").write_text(PRETEND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("litsweep.launch.__path__", [*sys.modules["litsweep.launch"].__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "litsweep.launch.pretend", raising=False)
    monkeypatch.setattr(launcher, "_MODULES", (*launcher._MODULES, "pretend"))  # the line


def test_a_launcher_is_one_module_and_one_line(
    server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock_service.teardown()  # the client reads its environment once
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", server.key)
    assert main(["launch", "me/p/abcd1234", "--on", "pretend", "--agents", "3", "--queue", "long"]) == 0
    started = json.loads((tmp_path / "started.json").read_text())
    assert started == {"sweep": "me/p/abcd1234", "agents": 3, "queue": "long", "gpus": 0.0}
    stock_service.teardown()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--queue", "long"], "--queue is for --on pretend, this launch is --on local"),
        (["--on", "pretend", "--per-gpu", "2"], "--per-gpu is for --on local, this launch is --on pretend"),
        (["--gpus-per-agent", "1"], "--gpus-per-agent is for --on slurm and ray and pretend"),
        (["--on", "pretend", "--queue", "nowhere"], "there is no queue nowhere"),
        (["--help"], "on a pretended cluster"),
    ],
)
def test_its_flags_belong_to_it(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["launch", "me/p/abcd1234", *options])
    output = capsys.readouterr()
    assert said in " ".join((output.out + output.err).split())
