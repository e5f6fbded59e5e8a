"""The versions of a sweep's config: they are kept, shown, and follow one another without a mix."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from litsweep.server.backend import Backend
from litsweep.server.dashboard.versions_view import version_of_run, versions_text
from litsweep.server.graphql.context import Context
from litsweep.server.graphql.endpoint import answer
from litsweep.server.settings import Settings
from litsweep.server.store import runs, sweep_versions, sweeps
from tests.live_server import LiveServer
from tests.server.conftest import GraphQL
from tests.server.make_old_data import unpack
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_SWEEP
from tests.server.test_config_edits import START, Edited, changed, edited, widen
from tests.server.test_schema import OLD

__all__ = ["edited"]

VERSIONED = UPSERT_SWEEP.replace("$state: String", "$version: Int").replace(
    "state: $state", "version: $version"
)


def test_suggestions_of_the_old_config_are_withdrawn(edited: Edited) -> None:
    """One is ready, and three are runs: of an agent, of no agent yet, and of an agent that is gone."""
    first = edited.sweep.beat(edited.agent)[0]["run_id"]
    with edited.backend.database.write() as connection:
        named = {"sweep_id": edited.record.id, "parameters": "{}", "args": "{}", "config": "{}"}
        runs.add(connection, edited.record.project_id, "unused", named)
        runs.add(connection, edited.record.project_id, "released", {**named, "dispatches": 1})
    edited.edit(changed(START, lambda config: config["parameters"].update(lr={"value": 7.0})))
    assert {run.name: run.state for run in edited.runs} == {first: "pending", "released": "killed"}
    edited.agent = edited.sweep.agent()
    assert edited.advance()["lr"] == 7.0
    assert [run.sweep_version for run in edited.runs] == [1, 1, 2]


def test_versions_are_kept_and_the_same_config_is_none(edited: Edited) -> None:
    edited.advance()
    edited.edit(changed(START, widen))
    again = changed(START, widen)
    again["parameters"]["lr"]["distribution"] = "uniform"  # as the stock client writes it
    edited.edit(again)
    edited.edit(START)
    with edited.backend.database.read() as connection:
        found = sweep_versions.of_sweep(connection, edited.record.id)
    assert [(each.number, each.actor) for each in found] == [(1, None), (2, "API key"), (3, "API key")]
    assert found[0].created_at == edited.record.created_at < found[1].created_at
    assert edited.record.config == found[-1].config and edited.record.version == 3


def test_the_second_of_two_edits_of_one_version_is_refused(edited: Edited, graphql: GraphQL) -> None:
    texts = [yaml.dump({**START, "run_cap": cap}) for cap in (5, 6)]
    answers = [graphql(VERSIONED, id=edited.sweep.id, config=text, version=1) for text in texts]
    assert [answer["status"] for answer in answers] == [200, 400]
    assert "has changed meanwhile, from version 1 to 2: make" in answers[1]["errors"][0]["message"]
    assert yaml.safe_load(edited.record.config)["run_cap"] == 5


def test_the_pages_show_the_versions(edited: Edited) -> None:
    edited.advance(2)
    with edited.backend.database.read() as connection:
        assert versions_text(connection, edited.record) == ""
        assert version_of_run(connection, edited.runs[0]) == []
    edited.edit(changed(START, widen))
    edited.advance()
    with edited.backend.database.read() as connection:
        newest, oldest = versions_text(connection, edited.record).split("\n\n")
        shown = [version_of_run(connection, run) for run in edited.runs]
    assert re.fullmatch(
        r"Version 2, \d{4}-\d\d-\d\d \d\d:\d\d UTC, by API key: 1 run\n"
        r"  parameters.lr.max: 0.2 -> 1.0\n  parameters.lr.min: 0.1 -> 0.01",
        newest,
    )
    assert re.fullmatch(r"Version 1, \S+ \S+ UTC: 2 runs", oldest)
    assert shown == [[("sweep config", f"version {n} of 2")] for n in (1, 1, 2)]


def test_a_database_of_an_older_litsweep_gets_versions(tmp_path: Path) -> None:
    """It has no versions and no numbers of them; its sweep and its runs are of version 1."""
    folder = tmp_path / "old"
    unpack(OLD / "v1", folder)
    opened = Backend.open(Settings(folder))
    try:
        with opened.database.read() as connection:
            (sweep,) = sweeps.of_project(connection, 1)
            config = yaml.safe_load(sweep.config)
        text = yaml.dump({**config, "run_cap": 50})
        edited = answer(
            {"query": VERSIONED, "variables": {"id": sweep.name, "config": text, "version": 1}},
            Context(opened, "http://test"),
        )
        assert edited.status_code == 200
        with opened.database.read() as connection:
            assert [each.number for each in sweep_versions.of_sweep(connection, sweep.id)] == [1, 2]
            assert sweep_versions.count_runs(connection, sweep.id) == {1: runs.count(connection, sweep.id)}
    finally:
        opened.close()


def test_no_agent_gets_a_suggestion_older_than_an_acknowledged_edit(
    module_server: LiveServer,
) -> None:
    """Agents take runs while the config changes. Its version n has the values from 10 n to 10 n + 5."""

    def config(version: int) -> str:
        values = {"min": 10.0 * version, "max": 10.0 * version + 5}
        return yaml.dump({**START, "run_cap": 9999, "parameters": {"lr": values}})

    made = module_server.graphql(UPSERT_SWEEP, config=config(1))["upsertSweep"]["sweep"]
    acknowledged, taken, has_ended = [1], list[tuple[int, float]](), threading.Event()

    def take_runs(_: int) -> None:
        agent = module_server.graphql(CREATE_AGENT, sweep=made["name"])["createAgent"]["agent"]["id"]
        while not has_ended.is_set():
            version = acknowledged[-1]
            beat = module_server.graphql(HEARTBEAT, id=agent, runState="{}")["agentHeartbeat"]
            for command in json.loads(beat["commands"]):
                taken.append((version, command["args"]["lr"]["value"]))
                end = {"complete": True, "exitcode": 0}
                module_server.post(f"/files/local/p/{command['run_id']}/file_stream", end)

    with ThreadPoolExecutor(4) as agents:
        waiting = [agents.submit(take_runs, i) for i in range(4)]
        for version in range(2, 8):
            before = len(taken)
            while len(taken) < before + 4:
                time.sleep(0.01)
                assert not any(each.done() for each in waiting)
            module_server.graphql(UPSERT_SWEEP, id=made["id"], config=config(version))
            acknowledged.append(version)
        has_ended.set()
    assert all(value >= 10 * version for version, value in taken)
    assert {int(value // 10) for _, value in taken} >= {1, 2, 3, 4, 5, 6}
