"""The sweeps of a server: found by id and listed, with the same words as on the pages."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Connection

from litsweep.cli import main
from litsweep.cli.jobs import _table
from litsweep.errors import LitsweepError
from litsweep.launch.directory import full_path
from litsweep.launch.slurm import Task
from litsweep.server.backend import Backend
from litsweep.server.settings import Settings
from litsweep.server.store import projects, sweeps
from litsweep.sweep.run import STATE_WORDS
from tests.conftest import client_environment
from tests.live_server import LiveServer
from tests.server.dashboard.conftest import SWEEP, add_run

ENDED = {"state": "finished", "exitcode": 0}
STATES: dict[str, dict[str, Any]] = {
    "finished": ENDED,
    "stopped early": {**ENDED, "stopped_by": "search"},
    "failed": {"state": "failed", "failure": "error"},
    "crashed": {"state": "crashed", "failure": "lost"},
    "killed": {"state": "killed", "failure": "signal"},
    "paused": {"state": "preempted", "stopped_by": "pause"},
    "preempted": {"state": "preempted"},
    "preempting": {"state": "preempting"},
    "running": {"state": "running"},
    "pending": {"state": "pending"},
}
WORDS = ", ".join(f"1 {word}" for word in STATES)


class Swept(LiveServer):
    """A server with two sweeps: one has a run in every state, the other belongs to another entity."""

    all_states = other = ""

    def fill(self) -> None:
        backend = Backend.open(Settings(Path(self.data_dir)))
        with backend.database.write() as connection:
            self.all_states = self._sweep(connection, "local", "p", display_name="a sweep", best_loss=0.5)
            self.other = self._sweep(connection, "Team X", "q" * 80)
        backend.close()

    def _sweep(self, connection: Connection, entity: str, project: str, **values: Any) -> str:
        home = projects.ensure(connection, entity, project)
        made = sweeps.add(connection, home.id, config=SWEEP, **values)
        sweeps.change(connection, made.id, created_at=1e9 + (entity != "local"))
        for state, more in STATES.items() if values else ():
            add_run(connection, home.id, made.id, state.replace(" ", "-"), [0.5], {**more, "last_step": 1})
        return made.name


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    server = Swept(tmp_path_factory.mktemp("swept") / "server")
    server.fill()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def at_server(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> Swept:
    """Connect this process to the server."""
    monkeypatch.setenv("WANDB_BASE_URL", swept.url)
    monkeypatch.setenv("WANDB_API_KEY", swept.key)
    for name in ("WANDB_ENTITY", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return swept


def test_all_sweeps_are_listed_in_80_columns_with_whole_paths(
    at_server: Swept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Team X/{'q' * 80}/{at_server.other}  pending"
    assert lines[1] == "  random: no runs yet"
    assert lines[2] == f"local/p/{at_server.all_states}  pending  best val_acc 0.5"
    assert " ".join(line.strip() for line in lines[3:]) == f"a sweep, random: {WORDS}"
    assert max(map(len, lines[1:])) <= 80


def test_no_sweeps_yet(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", server.key)
    assert main(["status"]) == 0
    assert f"No sweeps on {server.url} yet" in capsys.readouterr().out


def test_an_id_is_enough(at_server: Swept) -> None:
    assert full_path(at_server.all_states) == f"local/p/{at_server.all_states}"
    assert full_path(f"p/{at_server.all_states}") == f"local/p/{at_server.all_states}"
    assert full_path(at_server.other) == f"Team X/{'q' * 80}/{at_server.other}"
    assert full_path(at_server.other, {"WANDB_PROJECT": "p", **at_environ(at_server)}).startswith("Team X/")
    assert full_path("any/where/abc") == "any/where/abc"


def at_environ(server: LiveServer) -> dict[str, str]:
    return {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": server.key}


@pytest.mark.parametrize("command", ["status", "best", "launch"])
@pytest.mark.parametrize("sweep", ["nosuchid", "p/nosuchid"])
def test_an_unknown_id_says_how_to_list(
    command: str, sweep: str, at_server: Swept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, sweep]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"litsweep: there is no sweep {sweep}: ") and "`litsweep status` lists" in said


class Cloud(BaseHTTPRequestHandler):
    """A part of W&B's cloud for a search by id: the same id may exist in several projects."""

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": self.answer(query["variables"])}).encode())

    def answer(self, variables: dict[str, Any]) -> dict[str, Any]:
        if "sweep" not in variables:
            teams = {"edges": [{"node": {"name": "me"}}, {"node": {"name": "team"}}]}
            return {"viewer": {"entity": "me", "teams": teams}}
        if "project" in variables:
            found = {"name": variables["sweep"]} if variables["entity"] == "team" else None
            return {"project": {"name": "one", "entityName": variables["entity"], "sweep": found}}
        page = "two" if variables["after"] else "one"
        node = {"name": page, "sweep": {"name": "abcd1234"} if variables["entity"] == "team" else None}
        info = {"hasNextPage": not variables["after"], "endCursor": "1"}
        return {"models": {"edges": [{"node": node}], "pageInfo": info}}

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_an_ambiguous_id_lists_the_paths() -> None:
    with HTTPServer(("127.0.0.1", 0), Cloud) as cloud:
        threading.Thread(target=cloud.serve_forever, daemon=True).start()
        environ = {"WANDB_BASE_URL": f"http://127.0.0.1:{cloud.server_port}", "WANDB_API_KEY": "0" * 40}
        with pytest.raises(LitsweepError, match="write one of team/one/abcd1234, team/two/abcd1234"):
            full_path("abcd1234", environ)
        assert full_path("one/abcd1234", environ) == "team/one/abcd1234"
        assert full_path("abcd1234", {**environ, "WANDB_PROJECT": "one"}) == "team/one/abcd1234"
        cloud.shutdown()


class Other(BaseHTTPRequestHandler):
    """A server of another kind, which answers with a page."""

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_HEAD()
        self.wfile.write(b"<html>\n<h1>Not here</h1>")

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_a_server_of_another_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{other.server_port}"
        monkeypatch.setenv("WANDB_BASE_URL", url)
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        assert main(["status"]) == 1
        other.shutdown()
    assert capsys.readouterr().err == f"litsweep: {url} answered 404: Not Found; is this a W&B server?\n"


def test_every_state_has_one_word_everywhere(swept: Swept, tmp_path: Path) -> None:
    """`status`, `best`, its JSON and the pages use the words of one table, in its order."""
    assert list(STATES) == [str(word) for word in STATE_WORDS]
    commands = [["status", swept.all_states], ["best", f"p/{swept.all_states}", "--json", "out.json"]]
    code = f"from litsweep.cli import main\nfor command in {commands}:\n    assert main(command) == 0"
    done = subprocess.run(
        [sys.executable, "-c", code], env=client_environment(swept, tmp_path), cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert f"local/p/{swept.all_states} pending {WORDS} best val_acc 0.5 (finished)" in said
    assert f"Sweep local/p/{swept.all_states} (pending): {WORDS}" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())["runs"] == dict.fromkeys(STATES, 1)


def test_a_reader_that_leaves_is_no_error(at_server: Swept, tmp_path: Path) -> None:
    """For example `litsweep status | head -0`."""
    with subprocess.Popen(
        [sys.executable, "-m", "litsweep", "status"], env=client_environment(at_server, tmp_path),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=60) in (0, 1)
        assert process.stderr.read() == ""


def test_a_slurm_that_fails_is_said_beside_the_runs(
    at_server: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "squeue").write_text("#!/bin/sh\necho 'squeue: error: Invalid user: me' >&2; exit 1\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert main(["status", at_server.other]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Team X/")
    assert shown.err.startswith(
        "cannot list the agents on Slurm: squeue failed: Invalid user: me; Slurm does not know this user"
    )


def test_agents_on_slurm_are_named_whole_in_80_columns() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(_table([Task("1234567_12", "COMPLETING", "1-02:03:04", "node" * 30)]))
    lines = console.export_text().splitlines()
    assert "1234567_12  COMPLETING" in lines[1] and max(map(len, lines)) <= 80
