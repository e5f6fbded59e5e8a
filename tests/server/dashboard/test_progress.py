"""The progress of sweeps: on their pages, the project's page and the home page."""

import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.server.store import projects, runs, sweeps
from litsweep.server.store.sweeps import AgentState, SweepRecord
from tests.server.dashboard.conftest import SWEEP, add_run, backend_of


def data(http: TestClient, path: str) -> Any:
    response = http.get(f"/-/data{path}")
    assert response.status_code == 200
    return response.json()


@pytest.fixture
def made(http: TestClient) -> SweepRecord:
    """Return a sweep of 10 runs: four took 100 s one after the other, two run. It has two agents of three."""
    now = time.time()
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        found = sweeps.add(connection, project.id, config=SWEEP)
        sweeps.change_state(connection, found.id, state=sweeps.SweepState.RUNNING)
        for _ in range(3):
            agent = sweeps.add_agent(connection, found.id, "host")
        sweeps.change_agent(connection, agent.id, exited=AgentState.EXITED)
        for n in range(4):
            began = now - 450 + 100 * n
            times = {"created_at": began, "heartbeat_at": began + 100 + n}
            add_run(connection, project.id, found.id, f"r{n}", [0.5], {"state": "finished", **times})
        for name in ("a", "b"):
            times = {"created_at": now - 50, "heartbeat_at": now}
            add_run(connection, project.id, found.id, name, [0.5], {"state": "running", **times})
    return found


def test_rate_time_left_and_agents_are_the_same_on_each_page(http: TestClient, made: SweepRecord) -> None:
    page = data(http, f"/local/p/sweeps/{made.name}")["sweep"]
    project = data(http, "/local/p")["sweeps"][0]
    home = data(http, "/projects")["sweeps"][0]
    assert (home.pop("entity"), home.pop("project")) == ("local", "p")
    assert home == project and page.items() >= project.items()
    assert (page["agents"], page["agents_alive"], page["expected"]) == (3, 2, 10)
    assert page["rate"] == pytest.approx(3600 * 4 / 403, rel=0.01)
    left = page["time_left"]
    assert left["text"].startswith("about ") and left["text"].endswith(" left")
    assert (left["low"], left["high"]) == (240, 270)  # 50 s and two runs of 101.5 s


def test_agents_that_ended_while_no_server_ran_are_not_at_work(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        found = sweeps.add(connection, project.id, config=SWEEP)
        agent = sweeps.add_agent(connection, found.id, "host")
        sweeps.change_agent(connection, agent.id, heartbeat_at=time.time() - 100)
    page = data(http, f"/local/p/sweeps/{found.name}")["sweep"]
    assert (page["agents"], page["agents_alive"]) == (1, 0)
    assert data(http, "/projects")["sweeps"] == []


def test_words_for_a_sweep_without_an_estimate(http: TestClient, made: SweepRecord) -> None:
    def left(state: str) -> Any:
        with backend_of(http).database.write() as connection:
            sweeps.change_state(connection, made.id, state=sweeps.SweepState(state))
        return data(http, f"/local/p/sweeps/{made.name}")["sweep"]["time_left"]

    assert left("PAUSED") == {"text": "paused", "low": None, "high": None}
    assert left("FINISHED")["text"].startswith("about ")  # two runs go on
    with backend_of(http).database.write() as connection:
        for name in ("a", "b"):
            found = runs.find(connection, made.project_id, name)
            assert found is not None
            runs.change_state(connection, [found.id], {"state": "finished"})
    assert left("FINISHED") is None
    assert data(http, "/local/p")["sweeps"][0]["counts"] == {"finished": 6}


def test_the_home_page_shows_what_is_active(http: TestClient, made: SweepRecord) -> None:
    with backend_of(http).database.write() as connection:
        other = projects.ensure(connection, "local", "other")
        add_run(connection, other.id, None, "alone", [0.5], {"state": "running"})
        idle = sweeps.add(connection, other.id, config=SWEEP)
        add_run(connection, other.id, idle.id, "past", [0.5], {"state": "finished"})
    home = data(http, "/projects")
    assert [sweep["name"] for sweep in home["sweeps"]] == [made.name]
    assert [(run["project"], run["sweep"], run["name"]) for run in home["runs"]] == [
        ("other", None, "alone"),
        ("p", made.name, "b"),
        ("p", made.name, "a"),
    ]
    assert home["more_runs"] == 0
    counted = {each["name"]: (each["sweeps"], each["runs"], each["running"]) for each in home["projects"]}
    assert counted == {"p": (1, 6, 2), "other": (1, 2, 1)}


def test_the_best_runs_come_with_their_parameters(http: TestClient, sweep: str) -> None:
    found = data(http, sweep)
    assert found["best_total"] == 1
    assert found["best_runs"] == [
        {
            "name": "good",
            "title": found["best_runs"][0]["title"],
            "state": "finished",
            "bests": [0.9],
            "last": 0.8,
            "parameters": {"lr": 0.01, "optimizer": "adam"},
        }
    ]
