"""Faults around an agent: invalid answers, a stop at a bad moment, folders that vanish."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from litsweep.launch import disk
from litsweep.launch.failure import RunEnd
from litsweep.launch.options import LaunchOptions
from litsweep.launch.protocol import AgentApi, SweepPath, UnreachableError
from litsweep.launch.slot import Place
from litsweep.launch.starter import Starter
from litsweep.launch.supervisor import Supervisor
from litsweep.launch.warm_agent import RunProcess
from litsweep.sweep.contract import Failure
from tests.launch.conftest import MakeBench

# The SIGTERM comes while the server chooses a config, before there is a run to pass it on to.
STOPPED_WHILE_ASKING = """
import os, signal
from pathlib import Path
from litsweep.launch.options import LaunchOptions
from litsweep.launch.protocol import Command, SweepPath
from litsweep.launch.slot import Place
from litsweep.launch.supervisor import Supervisor

class Api:
    path = SweepPath("e", "p", "s")
    def command(self): return ["sleep", "60"]
    def register(self, host): return "agent"
    def preempting(self, run): print("preempting", run, flush=True)
    def run(self, run): return {}
    def heartbeat(self, agent, running):
        if running: return []
        print("asked", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        return [Command("run", "r1", "x.py", {})]

place = Place.of("launch:0", os.environ, Path("log"))
(slot,) = Supervisor([place], Api(), LaunchOptions(environ=os.environ)).run().slots
print(slot.state, slot.failed)
"""


@pytest.mark.parametrize("signals", ["TERM TERM", "HUP HUP", "INT INT TERM"])
def test_only_ctrl_c_kills_the_runs(signals: str, tmp_path: Path) -> None:
    """A terminal that closes may send SIGHUP twice. SIGTERM may come while the runs end after Ctrl-C."""
    api = AgentApi("http://127.0.0.1:1", "key", SweepPath("e", "p", "s"))
    supervisor = Supervisor([Place.of("launch:0", {}, tmp_path / "log")], api, LaunchOptions())
    for name in signals.split():
        supervisor._interrupt(signal.Signals[f"SIG{name}"])
    assert supervisor._deadline > time.monotonic()
    supervisor._interrupt(signal.SIGINT)
    assert supervisor._deadline == 0.0


def test_a_stop_that_comes_before_the_run_is_there_reaches_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_WHILE_ASKING],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stdout.splitlines() == ["asked", "preempting r1", "done 0"]
    log = (tmp_path / "log").read_text()
    assert log.index("run r1 started") < log.index("run r1 ended with 143 (signal)") < log.index("left: ")


# The program ends while the server is asked whether the run is finished, with the exit code in the arguments.
ENDS_DURING_THE_QUESTION = """
import os, signal, sys, time
from pathlib import Path
from litsweep.launch.options import LaunchOptions
from litsweep.launch.protocol import Command, SweepPath
from litsweep.launch.slot import Place
from litsweep.launch.supervisor import Supervisor

class Api:
    path = SweepPath("e", "p", "s")
    state = ""
    def command(self): return ["sh", "-c", f"while [ ! -e go ]; do sleep 0.02; done; exit {sys.argv[1]}"]
    def register(self, host): return "agent"
    def preempting(self, run): self.state = "preempting"
    def summary(self, run): return {}
    def update_summary(self, run, summary): print("failed", summary, flush=True)
    def has_started(self, run): time.sleep(0.5); return True
    def was_stopped(self, run): return False
    def run(self, run):
        Path("go").touch()
        time.sleep(0.5)
        return {"state": self.state or "killed"}
    def end(self, run, code): print("end", int(code), flush=True)
    def heartbeat(self, agent, running):
        if running: os.kill(os.getpid(), signal.SIGTERM)
        return [] if running else [Command("run", "r1", "x.py", {})]

api, place = Api(), Place.of("launch:0", os.environ, Path("log"))
(slot,) = Supervisor([place], api, LaunchOptions(environ=os.environ)).run().slots
print(slot.state, slot.done, slot.failed, api.state)
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, ["done 1 0 "]), (1, ["end 143", "done 0 0 preempting"])],
    ids=["success", "error"],
)
def test_a_run_that_ends_while_its_state_is_asked_for(tmp_path: Path, code: int, said: list[str]) -> None:
    """A success stays one. An error is a preemption: a cluster also ends the processes of the program."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS_DURING_THE_QUESTION, str(code)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stdout.splitlines() == said


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """Start a server that answers every request with the given bytes. Return its URL."""
    servers: list[HTTPServer] = []

    def start(answer: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("answer", [b"<html>Bad gateway</html>", b"[]", b"[1]", b"{}", b'{"data": null}'])
def test_an_answer_without_data_is_one_to_ask_for_again(
    answering: Callable[[bytes], str], answer: bytes
) -> None:
    api = AgentApi(answering(answer), "key", SweepPath("e", "p", "s"))
    with pytest.raises(UnreachableError):
        api.heartbeat("agent", [])


def test_a_heartbeat_without_commands_has_none(answering: Callable[[bytes], str]) -> None:
    api = AgentApi(answering(b'{"data": {"agentHeartbeat": null}}'), "key", SweepPath("e", "p", "s"))
    assert api.heartbeat("agent", []) == []


def test_room_is_reckoned_while_folders_are_deleted(tmp_path: Path) -> None:
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            for name in ("a", "b"):
                (tmp_path / "run" / name).mkdir(parents=True)
                (tmp_path / "run" / name / "last.ckpt").write_bytes(b"x")
            shutil.rmtree(tmp_path / "run")

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        assert [disk.disk_shortage(tmp_path, 1, 0.0) for _ in range(2000)] == [None] * 2000
    finally:
        done.set()
        thread.join()


REPORTS_ONCE = """
import os, sys, wandb
from pathlib import Path
with wandb.init() as run:
    run.log({"loss": 1.0})
    print("failure  lost")
    if not Path("first").exists():
        Path("first").touch()
        Path(os.environ["LITSWEEP_FAILURE_FILE"]).write_text("diverged")
    sys.exit(1)
"""


@pytest.mark.parametrize("agent", ["warm", pytest.param("stock", marks=pytest.mark.slow)])
def test_a_failure_is_the_one_that_the_run_reported_itself(bench: MakeBench, agent: str) -> None:
    made = bench(REPORTS_ONCE)
    made.launch(agents=1, count=2, agent=agent)
    assert sorted(run["summary"]["failure"] for run in made.runs()) == ["diverged", "error"]


def test_the_output_of_a_run_that_ends_during_its_start_is_its_own(tmp_path: Path) -> None:
    """On a busy machine a run prints its error and ends before the supervisor goes on."""
    place = Place.of("launch:0", os.environ, tmp_path / "log")
    place.log.write_text("an earlier run\n")
    (tmp_path / "fails.py").write_text("import no_such_module")
    argv = [sys.executable, str(tmp_path / "fails.py")]

    async def run() -> RunEnd:
        starter = Starter("launch:fork-server", os.environ, (), tmp_path / "log")
        child = await starter.start(place.slot, argv, place.environ, place.log)
        await asyncio.wait([child.exit])
        end = await RunProcess("r", child, place.log, place.environ).ended()
        await starter.close()
        return end

    end = asyncio.run(run())
    assert end.failure is Failure.CONFIG
    assert "an earlier run" not in end.tail
