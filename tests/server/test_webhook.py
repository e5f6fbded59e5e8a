"""The webhook of a sweep: each event is posted once, also over restarts of the server."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.server import notifier, webhook
from litsweep.server.app import create_app
from litsweep.server.backend import Backend
from litsweep.server.monitor import Monitor
from litsweep.server.notifier import Notifier
from litsweep.server.settings import Settings
from litsweep.server.store import sweeps
from tests.launch.processes import wait_until
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import UPSERT_SWEEP
from tests.server.sweep_pages import page_of
from tests.server.test_dispatch import RANDOM, Sweep


@dataclass
class Receiver:
    """An HTTP server that keeps what is posted to it. It answers with `status` after `delay` seconds."""

    url: str = ""
    status: int = 200
    delay: float = 0.0
    posted: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [body["event"] for body in self.posted]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            made.keys.append(self.headers["Idempotency-Key"])
            time.sleep(made.delay)
            self.send_response(made.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}/secret"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


class Told(Sweep):
    """A sweep with a webhook, and one agent."""

    def __init__(self, backend: Backend, graphql: GraphQL, stream: Stream, url: str) -> None:
        metric, more = {"name": "loss"}, {"run_cap": 5, "litsweep": {"webhook": url}}
        super().__init__(graphql, stream, RANDOM | {"metric": metric} | more)
        self.backend = backend
        self.worker = self.agent()

    def run(self, *losses: float, exitcode: int = 0) -> str:
        """Execute a run that logs these losses. Return its name."""
        name = self.start(self.worker)
        rows = [json.dumps({"_step": step, "loss": loss}) for step, loss in enumerate(losses)]
        self.stream(name, files={"wandb-history.jsonl": {"offset": 0, "content": rows}})
        self.end(name, exitcode)
        return name

    def set_state(self, state: str) -> None:
        assert "errors" not in self.graphql(UPSERT_SWEEP, id=self.id, state=state)


@pytest.fixture
def told(backend: Backend, graphql: GraphQL, stream: Stream, receiver: Receiver) -> Told:
    return Told(backend, graphql, stream, receiver.url)


def test_each_event_is_posted_once(told: Told, receiver: Receiver) -> None:
    def round_() -> None:
        """What the server does in two seconds, with a restart before."""
        Monitor(told.backend).run_once()
        Notifier(told.backend).run_once()

    round_()
    assert receiver.posted == []
    first = told.run(0.5, 0.3, 0.4)
    round_()
    round_()
    told.run(0.4)  # no better
    told.run(0.1, exitcode=1)  # failed
    round_()
    last = told.run(0.2)
    round_()
    assert receiver.events == ["best", "best"]
    assert [body["best"] for body in receiver.posted] == [0.3, 0.2]
    assert [body["best_run"] for body in receiver.posted] == [first, last]
    told.set_state("CANCELED")
    round_()
    round_()
    told.set_state("RUNNING")
    round_()
    told.run(0.9)
    round_()
    round_()
    assert receiver.events == ["best", "best", "canceled", "finished"]
    assert len(set(receiver.keys)) == 4
    end = receiver.posted[-1]
    assert end["text"] == (
        f"Sweep local/p/{told.name} is finished: 4 finished, 1 failed; best loss 0.2 (run {last})"
    )
    wanted: dict[str, Any] = {
        "sweep": f"local/p/{told.name}",
        "state": "finished",
        "runs": {"finished": 4, "failed": 1},
    }
    wanted |= {"metric": "loss", "goal": "minimize", "best": 0.2, "best_run": last}
    assert wanted.items() <= end.items()
    assert end["url"].endswith(f"/local/p/sweeps/{told.name}")


def test_a_stall_is_posted_once_until_an_agent_comes(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset = 0.0
    real = time.monotonic
    monkeypatch.setattr("litsweep.sweep.events.time.monotonic", lambda: real() + offset)
    told.beat(told.worker)  # a run that its agent never reports
    watching = Notifier(told.backend)
    watching.run_once()
    offset += 599
    watching.run_once()
    assert receiver.events == []
    offset += 2
    watching.run_once()
    watching.run_once()
    restarted = Notifier(told.backend)
    restarted.run_once()
    offset += 601
    restarted.run_once()
    assert receiver.events == ["stalled"]
    assert "with no sign of an agent for 10 minutes: 1 pending" in receiver.posted[0]["text"]
    told.beat(told.worker)  # it is back
    restarted.run_once()
    told.set_state("PAUSED")
    offset += 601
    restarted.run_once()
    told.set_state("RUNNING")
    restarted.run_once()
    assert receiver.events == ["stalled"]
    offset += 601
    restarted.run_once()
    assert receiver.events == ["stalled", "stalled"]


@pytest.mark.parametrize(
    ("status", "delay", "why"),
    [(500, 0.0, "HTTP 500"), (302, 0.0, "HTTP 302"), (200, 1.0, "no answer within 0.2 s")],
)
def test_a_receiver_that_fails_is_tried_a_few_times_and_named_on_the_page(
    told: Told, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int, delay: float, why: str
) -> None:
    monkeypatch.setattr(notifier, "RETRY_AFTER", (0.0, 0.0, 0.0))
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)
    receiver.status, receiver.delay = status, delay
    told.run(0.5)
    for _ in range(6):
        Notifier(told.backend).run_once()
    assert len(receiver.posted) == 4 and len(set(receiver.keys)) == 1
    reason = page_warning(told)
    assert reason == f"127.0.0.1 did not accept it ({why})"
    receiver.status, receiver.delay = 200, 0.0
    told.run(0.4)
    Notifier(told.backend).run_once()
    assert receiver.posted[-1]["best"] == 0.4
    assert page_warning(told) is None


def page_warning(told: Told) -> str | None:
    """Return the reason in the warning on the sweep page."""
    with told.backend.database.read() as connection:
        record = sweeps.find(connection, told.name)
        assert record is not None
        warnings: list[str] = page_of(told.backend, connection, record)["sweep"]["warnings"]
    return next((warning.partition(" was not sent: ")[2] for warning in warnings), None)


def test_a_sweep_that_cannot_be_read_any_more_stops_no_other(
    told: Told, graphql: GraphQL, stream: Stream, receiver: Receiver
) -> None:
    other = Sweep(graphql, stream, RANDOM)
    with told.backend.database.write() as connection:
        sweeps.change(connection, int(other.id), config="webhook: [")
    told.run(0.5)
    Notifier(told.backend).run_once()
    assert receiver.events == ["best"]


def test_a_running_server_posts_and_ends_in_time(tmp_path: Path, receiver: Receiver) -> None:
    receiver.delay = 5.0
    settings = Settings(tmp_path / "data")
    with TestClient(create_app(settings)) as client:
        config = {**RANDOM, "litsweep": {"webhook": receiver.url, "stalled_after": 0.001}}
        backend: Backend = client.app.state.backend  # type: ignore[attr-defined]
        body = {"query": UPSERT_SWEEP, "variables": {"config": json.dumps(config)}}
        client.post("/graphql", json=body, auth=("api", backend.keyring.key)).raise_for_status()
        wait_until(lambda: receiver.events == ["stalled"])
        began = time.monotonic()
        assert client.get("/healthz").status_code == 200
        assert time.monotonic() - began < 1
    assert time.monotonic() - began < 4
