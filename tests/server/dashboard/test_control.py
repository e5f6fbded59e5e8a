"""Changes by the pages: what each does, when it is refused, and what is recorded."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.server import deletion
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from tests.server.dashboard.conftest import EVIL, add_run, backend_of
from tests.server.dashboard.test_control_guard import ORIGIN, token_in
from tests.server.operations import DELETE_RUN, STOP_RUN, UPSERT_RUN, UPSERT_SWEEP


class Site:
    """The pages of local/p in a signed-in browser."""

    def __init__(self, http: TestClient, sweep: str) -> None:
        self.http, self.sweep_path = http, sweep
        self.headers = {"Origin": ORIGIN, "X-Litsweep-Token": token_in(http, sweep)}

    def sweep(self, action: str, **body: Any) -> tuple[int, Any]:
        return self.post(f"{self.sweep_path}/{action}", body)

    def run(self, name: str, action: str, **body: Any) -> tuple[int, Any]:
        return self.post(f"/local/p/runs/{name}/{action}", body)

    def runs(self, action: str, names: list[str], **body: Any) -> tuple[int, Any]:
        return self.post("/local/p/runs", {"action": action, "runs": names, **body})

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        answer = self.http.post(f"/-/control{path}", json=body, headers=self.headers)
        content = answer.json()
        return answer.status_code, content["errors"][0]["message"] if answer.is_error else content

    def buttons(self, path: str) -> list[str]:
        return [each["action"] for each in self.data(path)["controls"]["actions"]]

    def data(self, path: str) -> Any:
        return self.http.get(f"/-/data{path}").json()

    def changes(self, path: str) -> list[tuple[str, str | None, str | None]]:
        found = self.data(f"{path}/changes")["changes"]
        assert all(each["who"].startswith("session ") or each["who"] == "API key" for each in found)
        return [(each["what"], each["before"], each["after"]) for each in found]

    def graphql(self, query: str, **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {backend_of(self.http).keyring.key}"}
        answer = self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        return answer.json()["data"]

    @property
    def record(self) -> SweepRecord:
        with backend_of(self.http).database.read() as connection:
            found = sweeps.find(connection, self.sweep_path.rpartition("/")[2])
        assert found is not None
        return found

    def run_record(self, name: str) -> RunRecord | None:
        with backend_of(self.http).database.read() as connection:
            return runs.find(connection, 1, name)

    def waiting(self, name: str, **more: Any) -> None:
        with backend_of(self.http).database.write() as connection:
            add_run(
                connection, 1, self.record.id, name, [0.1], {"state": "pending", "started_at": None, **more}
            )

    def done_because(self, reason: str | None) -> None:
        with backend_of(self.http).database.write() as connection:
            sweeps.change_state(connection, self.record.id, state="FINISHED", done_because=reason)


@pytest.fixture
def site(http: TestClient, sweep: str) -> Site:
    return Site(http, sweep)


def test_a_sweep_is_paused_resumed_stopped_and_canceled(site: Site) -> None:
    name = site.record.name
    assert site.buttons(site.sweep_path) == ["pause", "stop", "cancel", "delete"]
    assert site.sweep("pause")[0] == 200 and site.record.state == "PAUSED"
    assert site.buttons(site.sweep_path) == ["resume", "stop", "cancel", "delete"]
    assert site.sweep("pause") == (409, "the sweep is paused; only a pending or running sweep can be paused")
    assert site.sweep("resume")[0] == 200 and site.record.state == "RUNNING"
    assert site.sweep("resume")[0] == 409
    site.waiting("waits")
    assert site.sweep("stop", confirmed=True)[0] == 200 and site.record.state == "FINISHED"
    waits = site.run_record("waits")
    assert waits is not None and waits.state == "killed"
    assert site.buttons(site.sweep_path) == ["resume", "cancel", "delete"]  # a run is still running
    assert site.sweep("cancel", confirmed=True)[0] == 200
    going = site.run_record("going")
    assert going is not None and going.stopped_by == "person" and site.record.state == "CANCELED"
    assert site.sweep("cancel", confirmed=True) == (409, "the sweep is already canceled")
    assert site.changes(site.sweep_path) == [
        (f"cancel sweep {name}", "finished", "canceled"),
        (f"stop sweep {name}", "running", "finished"),
        (f"resume sweep {name}", "paused", "running"),
        (f"pause sweep {name}", "pending", "paused"),
    ]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("run_cap", "the run cap is reached"), ("target", "reached the target"), ("exhausted", "every config")],
)
def test_a_sweep_that_is_done_is_not_resumed(site: Site, reason: str, shown: str) -> None:
    site.done_because(reason)
    status, why = site.sweep("resume")
    assert status == 409 and why.startswith("the sweep is finished") and shown in why
    assert "resume" not in site.buttons(site.sweep_path) and site.record.state == "FINISHED"
    for action in ("pause", "stop"):
        assert site.sweep(action, confirmed=True)[0] == 409
    assert site.changes(site.sweep_path) == []


@pytest.mark.parametrize("reason", [None, "stopped"])
def test_a_sweep_that_a_person_stopped_is_resumed(site: Site, reason: str | None) -> None:
    site.done_because(reason)
    assert site.sweep("resume")[0] == 200 and site.record.state == "RUNNING"


def test_what_destroys_needs_a_confirmation(site: Site) -> None:
    for action, lost in (("stop", "1 running run"), ("cancel", "1 running run"), ("delete", "4 runs")):
        question = site.sweep(action, confirmed=False)[1]["confirm"]
        assert question["title"] == f"{action.capitalize()} sweep sweep {EVIL}?" and lost in question["text"]
        for body in ({}, {"confirmed": "true"}, {"confirmed": 1}, {"confirmed": None}):
            status, answer = site.sweep(action, **body)
            assert status == 428 and 'send the request again with "confirmed": true' in answer
    assert site.record.state == "PENDING" and site.changes(site.sweep_path) == []


def test_a_deleted_sweep_is_gone_and_the_project_remembers_it(site: Site) -> None:
    name = site.record.name
    status, answer = site.sweep("delete", confirmed=True)
    assert (status, answer["next"]) == (200, "/local/p")
    assert site.http.get(site.sweep_path).status_code == 404 and site.run_record("good") is None
    assert site.changes("/local/p") == [(f"delete sweep {name}", f"sweep {EVIL}, with 4 runs", None)]
    status, why = site.sweep("delete", confirmed=True)
    assert status == 404 and "does not exist" in why


def test_runs_are_stopped_retried_and_deleted(site: Site) -> None:
    assert site.buttons("/local/p/runs/going") == ["stop", "delete"]
    assert site.run("going", "stop", confirmed=True)[1]["message"] == "1 run asked to stop."
    assert site.run("going", "stop", confirmed=True) == (
        409,
        "Run going was not asked to stop: it was already asked to stop.",
    )
    assert site.run("good", "stop", confirmed=True)[0] == 409
    assert site.run("good", "retry")[1] == "Run good was not retried: it has a result; it is finished."
    assert site.run("going", "retry")[0] == 409
    status, why = site.run("diverged", "retry")  # it has no arguments of the search
    assert status == 409 and "the sweep did not suggest its config" in why
    with backend_of(site.http).database.write() as connection:
        run = runs.find(connection, 1, "diverged")
        assert run is not None
        runs.change(connection, run.id, args=run.config)
    status, answer = site.run("diverged", "retry")
    (new,) = answer["changed"]
    retry = site.run_record(new)
    assert status == 200 and retry is not None and retry.retry_of == "diverged" and retry.state == "pending"
    assert site.changes("/local/p/runs/diverged") == [("retry run diverged", "failed", f"run {new}")]
    assert site.run("diverged", "delete")[0] == 428 and site.run_record("diverged") is not None
    status, answer = site.run("diverged", "delete", confirmed=True)
    assert (status, answer["next"]) == (200, site.sweep_path) and site.run_record("diverged") is None
    assert [what for what, *_ in site.changes(site.sweep_path)] == [
        "delete run diverged",
        "stop run going",
    ]


def test_several_runs_are_changed_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "BATCH_SIZE", 2)
    status, answer = site.runs("stop", ["good", "going", "cut"], confirmed=True)
    assert status == 200 and answer["changed"] == ["going"] and set(answer["refused"]) == {"good", "cut"}
    assert site.runs("edit", ["good", "cut"], values={"group": "g", "add_tags": "a, b,a"})[0] == 200
    assert site.runs("edit", ["good"], values={"add_tags": "c"})[0] == 200
    good = site.run_record("good")
    assert good is not None and (good.group_name, json.loads(good.tags)) == ("g", ["a", "b", "c"])
    status, why = site.runs("edit", ["good", "cut"], values={"name": "same"})
    assert status == 400 and "group, add_tags" in why
    status, question = site.runs("delete", ["good", "cut", "diverged"], confirmed=False)
    assert status == 200 and question["confirm"]["title"] == "Delete 3 runs?"
    assert "diverged (diverged)" in question["confirm"]["text"] and site.run_record("cut") is not None
    status, why = site.runs("delete", ["good", "nope"], confirmed=True)
    assert status == 404 and "nope" in why and site.run_record("good") is not None
    status, answer = site.runs("delete", ["good", "cut", "diverged"], confirmed=True)
    assert (status, answer["message"]) == (200, "3 runs deleted.")
    assert [run for run in ("good", "cut", "diverged", "going") if site.run_record(run)] == ["going"]
    assert {each["action"] for each in site.data("/local/p/controls")["actions"]} == {
        "stop",
        "retry",
        "delete",
    }


def test_texts_are_edited_and_recorded(site: Site) -> None:
    values = {"name": f"n {EVIL}", "notes": "line 1\nline 2", "tags": "b, a", "group": "g"}
    assert site.run("good", "edit", values=values, before={"notes": ""})[0] == 200
    shown = {field["name"]: field["text"] for field in site.data("/local/p/runs/good")["controls"]["fields"]}
    assert shown == values
    assert site.data("/local/p/runs/good")["controls"]["facts"] == "Tags: b, a · Group: g"
    assert ("edit the tags of run good", "", "b, a") in site.changes("/local/p/runs/good")
    assert len(site.changes("/local/p/runs/good")) == 4
    site.run("good", "edit", values={"notes": "line 1\nline 2", "group": ""})
    good = site.run_record("good")
    assert good is not None and good.group_name is None and len(site.changes("/local/p/runs/good")) == 5
    assert site.sweep("edit", values={"name": "", "description": "why"})[0] == 200
    assert (site.record.display_name, site.record.description) == (None, "why")


def test_a_text_that_another_tab_changed_is_not_lost(site: Site) -> None:
    assert site.run("good", "edit", values={"notes": "first"}, before={"notes": ""})[0] == 200
    status, why = site.run("good", "edit", values={"notes": "second", "name": "x"}, before={"notes": ""})
    assert status == 409 and "Notes: was changed meanwhile to the text 'first'" in why
    good = site.run_record("good")
    assert good is not None and (good.notes, good.display_name) == ("first", f"good {EVIL}")


WRONG: list[tuple[str, Any, int]] = [
    ("/local/p/runs/good/edit", {}, 400),
    ("/local/p/runs/good/edit", {"values": {"state": "failed"}}, 400),
    ("/local/p/runs/good/edit", {"values": {"name": " "}}, 400),
    ("/local/p/runs/good/edit", {"values": {"name": "x" * 251}}, 400),
    ("/local/p/runs/good/edit", {"values": {"name": "a\nb"}}, 400),
    ("/local/p/runs/good/edit", {"values": {"tags": ["a"]}}, 400),
    ("/local/p/runs/good/edit", {"values": {"tags": "x" * 65}}, 400),
    ("/local/p/runs/good/explode", {}, 404),
    ("/local/p/runs/nope/stop", {"confirmed": True}, 404),
    ("/local/q/runs/good/stop", {"confirmed": True}, 404),
    ("/local/p/runs", {"action": "stop", "runs": []}, 400),
    ("/local/p/runs", {"action": "stop", "runs": "good"}, 400),
    ("/local/p/runs", {"action": "stop", "runs": [1]}, 400),
    ("/local/p/runs", {"runs": ["good"]}, 404),
    ("/local/p/sweeps/nope/pause", {}, 404),
    ("/local/p/sweeps/nope/edit", {"values": {}}, 404),
]


def test_a_wrong_request_says_what_is_wrong(site: Site) -> None:
    for path, body, status in WRONG:
        got, message = site.post(path, body)
        assert got == status and isinstance(message, str) and message, path
    assert site.changes(site.sweep_path) == []


def test_changes_by_the_key_are_recorded_too(site: Site) -> None:
    """`wandb sweep --pause`, `litsweep retry`, `wandb.Api()` and others use GraphQL."""
    sweep = site.record
    good, cut, going = (site.run_record(name) for name in ("good", "cut", "going"))
    assert good is not None and cut is not None and going is not None
    site.graphql(UPSERT_SWEEP, id=str(sweep.id), state="PAUSED")
    site.graphql(UPSERT_SWEEP, id=str(sweep.id), state="PAUSED")
    site.graphql(UPSERT_RUN, id=str(good.id), tags=["x"], displayName=good.display_name)
    site.graphql(STOP_RUN, id=str(going.id))
    site.graphql(DELETE_RUN, id=str(cut.id))
    assert site.changes(site.sweep_path) == [
        ("delete run cut", "cut, stopped early", None),
        ("stop run going", "running", "asked to stop"),
        ("edit the tags of run good", "", "x"),
        (f"pause sweep {sweep.name}", "pending", "paused"),
    ]
    assert {each["who"] for each in site.data(f"{site.sweep_path}/changes")["changes"]} == {"API key"}
