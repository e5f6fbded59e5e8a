"""Deleting sweeps and projects, and collecting garbage."""

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import func, select

from litsweep.server import deletion, garbage
from litsweep.server.artifacts.tables import artifacts
from litsweep.server.backend import Backend
from litsweep.server.blobs import BlobStore
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.store import blobs, files, runs, sweeps
from litsweep.server.store.tables import metadata
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP
from tests.server.test_artifacts import Uploader

RANDOM = "{method: random, parameters: {x: {min: 0.0, max: 1.0}}}"
DELETE_SWEEP = "mutation ($id: ID!) { deleteSweep(input: {id: $id}) { success } }"
DELETE_PROJECT = "mutation ($id: ID!) { deleteModel(input: {id: $id}) { success } }"
USE = """
mutation ($id: ID!, $run: String!) {
  useArtifact(input: {artifactID: $id, entityName: "local", projectName: "p", runName: $run}) {
    artifact { id }
  }
}"""
LINK = """
mutation ($id: ID!) {
  linkArtifact(input: {artifactID: $id, artifactPortfolioName: "best", entityName: "local", projectName: "p",
      aliases: []}) { versionIndex }
}"""
NAMES = """
query { project(name: "p", entityName: "local") {
  sweeps { edges { node { name } } } runs { edges { node { name } } }
} }"""


class Client(Uploader):
    """A client that creates sweeps and runs with files and artifacts."""

    def sweep(self) -> str:
        name: str = self.do(UPSERT_SWEEP, config=RANDOM)["upsertSweep"]["sweep"]["name"]
        return name

    def agent(self, sweep: str) -> str:
        id: str = self.do(CREATE_AGENT, sweep=sweep)["createAgent"]["agent"]["id"]
        return id

    def run(self, name: str, sweep: str | None, stream: Stream) -> None:
        self.do(UPSERT_RUN, name=name, project="p", entity="local", sweep=sweep, config="{}")
        rows = [json.dumps({"_step": step, "x": "y" * 100}) for step in range(50)]
        stream(name, files={"wandb-history.jsonl": {"offset": 0, "content": rows}})
        key = BlobStore.new_key()
        written = self.backend.blobs.put(key, name.encode())
        with self.backend.database.write() as connection:
            found = runs.find_by_path(connection, "local", "p", name)
            assert found is not None
            files.declare(connection, found.id, "a.txt", key)
            blobs.mark_stored(connection, key, written.size, written.md5)

    def artifact(self, name: str, run: str) -> str:
        return self.log({"weights": f"of {name}".encode()}, name, runName=run)

    def artifact_names(self) -> set[str]:
        with self.backend.database.read() as connection:
            query = select(metadata.tables["artifact_collections"].c.name).join(artifacts)
            return set(connection.scalars(query))


@pytest.fixture
def client(backend: Backend, graphql: GraphQL) -> Client:
    return Client(backend, graphql)


def counts(backend: Backend) -> dict[str, int]:
    """Return the numbers of rows of the tables that are not empty."""
    with backend.database.read() as connection:
        found = {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }
    return {name: n for name, n in found.items() if n}


def contents(backend: Backend) -> set[str]:
    """Return the contents on disk."""
    root = backend.settings.blobs_dir
    return {path.read_text() for path in root.glob("??/*") if not path.read_text().startswith("{")}


def names(client: Client) -> tuple[set[str], set[str]]:
    project = client.do(NAMES)["project"]
    found = [{edge["node"]["name"] for edge in project[kind]["edges"]} for kind in ("sweeps", "runs")]
    return found[0], found[1]


def test_a_deleted_sweep_leaves_only_what_others_have(client: Client, stream: Stream) -> None:
    doomed, kept = client.sweep(), client.sweep()
    for name, sweep in (("a", doomed), ("b", doomed), ("c", kept), ("alone", None)):
        client.run(name, sweep, stream)
    client.agent(doomed)
    client.artifact("own", "a")
    used, shared, linked = (client.artifact(name, "a") for name in ("used", "shared", "linked"))
    client.do(USE, id=used, run="c")
    assert client.artifact("shared", "c") == shared
    client.do(LINK, id=linked)
    client.artifact("theirs", "c")
    client.create("0" * 32, "pending", runName="b")
    client.do(DELETE_SWEEP, id=doomed)
    assert names(client) == ({kept}, {"c", "alone"})
    assert client.artifact_names() == {"used", "shared", "linked", "theirs"}
    assert contents(client.backend) == {
        "c",
        "alone",
        "of used",
        "of shared",
        "of linked",
        "of theirs",
    }
    after = counts(client.backend)
    assert (after["stream_lines"], after["run_files"], after.get("agents")) == (100, 2, None)
    again = client.graphql(DELETE_SWEEP, id=doomed)
    assert again["status"] == 404 and "does not exist" in again["errors"][0]["message"]


def test_a_deleted_project_leaves_nothing(client: Client, stream: Stream) -> None:
    sweep = client.sweep()
    for name in ("a", "b", "alone"):
        client.run(name, None if name == "alone" else sweep, stream)
    client.agent(sweep)
    client.do(USE, id=client.artifact("own", "a"), run="alone")
    client.artifact("other", "alone")
    id = client.do('query { project(name: "p", entityName: "local") { id } }')["project"]["id"]
    client.do(DELETE_PROJECT, id=id)
    assert counts(client.backend) == {"schema_version": 1}
    assert contents(client.backend) == set() and not list(client.backend.settings.blobs_dir.glob("??/*"))
    for missing in (id, "99", "x"):
        assert client.graphql(DELETE_PROJECT, id=missing)["status"] == 404


def test_more_runs_than_one_transaction_deletes(
    client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BATCH_SIZE", 2)
    sweep = client.sweep()
    for i in range(5):
        client.run(f"r{i}", sweep, stream)
        client.artifact(f"a{i}", f"r{i}")
    client.do(DELETE_SWEEP, id=sweep)
    assert set(counts(client.backend)) == {"schema_version", "projects", "artifact_collections", "actions"}


def test_an_agent_of_a_deleted_sweep_gets_no_other_sweeps_run(client: Client) -> None:
    sweep = client.sweep()
    agent = client.agent(sweep)
    client.do(DELETE_SWEEP, id=sweep)
    others = {client.agent(client.sweep()) for _ in range(3)}
    answer = client.graphql(HEARTBEAT, id=agent, runState="{}")
    assert agent not in others
    assert answer["status"] == 404 and "its sweep was deleted" in answer["errors"][0]["message"]


def test_a_sweep_that_is_deleted_during_a_suggestion(
    client: Client, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = client.sweep()
    agent = client.agent(sweep)
    suggest = LiveSweep.suggest

    def delete_meanwhile(live: LiveSweep) -> Any:
        with backend.database.write() as connection:
            sweeps.delete(connection, live.id)
        return suggest(live)

    monkeypatch.setattr(LiveSweep, "suggest", delete_meanwhile)
    answer = client.graphql(HEARTBEAT, id=agent, runState="{}")
    assert answer["status"] == 404 and "its sweep was deleted" in answer["errors"][0]["message"]


def test_the_database_file_shrinks(client: Client, stream: Stream) -> None:
    file = client.backend.settings.data_dir / "litsweep.db"
    sweep = client.sweep()
    client.do(UPSERT_RUN, name="a", project="p", entity="local", sweep=sweep, config="{}")
    row = json.dumps({"x": "y" * 4000})
    stream("a", files={"wandb-history.jsonl": {"offset": 0, "content": [row] * 500}})
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert file.stat().st_size > 2_000_000
    client.do(DELETE_SWEEP, id=sweep)
    assert file.stat().st_size < 500_000


def aged(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_contents_without_a_blob_go_when_they_are_old(client: Client, stream: Stream) -> None:
    client.run("kept", None, stream)
    store, keys = client.backend.blobs, [BlobStore.new_key() for _ in range(2)]
    for key in keys:
        store.put(key, b"orphan")
    for path in client.backend.settings.blobs_dir.glob("??/*"):
        aged(path, 7200 if path.name != keys[1] else 60)
    garbage.collect(client.backend)
    assert [store.path(key).exists() for key in keys] == [False, True]
    assert contents(client.backend) == {"kept", "orphan"}


def test_an_abandoned_artifact_goes_and_one_that_is_uploaded_stays(client: Client, backend: Backend) -> None:
    client.do(UPSERT_RUN, name="r", project="p", entity="local")
    ids = [client.create(str(i) * 32, f"a{i}")["id"] for i in range(3)]
    for i in (0, 1):
        client.send(ids[i], {"part": f"part {i}".encode()})
    committed = client.artifact("committed", "r")
    long_ago = time.time() - garbage.ABANDONED_SECONDS - 60
    with backend.database.write() as connection:
        connection.execute(artifacts.update().values(created_at=long_ago))
        connection.execute(blobs.blobs.update().values(stored_at=long_ago))
    client.send(ids[1], {"more": b"more"})
    garbage.collect(backend)
    assert client.artifact_names() == {"a1", "committed"}
    assert contents(backend) == {"part 1", "more", "of committed"}
    assert client.log({"weights": b"of committed"}, "committed") == committed


def test_a_file_that_was_never_uploaded_goes_after_its_run(client: Client, backend: Backend) -> None:
    client.do(UPSERT_RUN, name="r", project="p", entity="local")
    with backend.database.write() as connection:
        files.declare(connection, 1, "never.txt", BlobStore.new_key())
    for ended_ago, left in ((None, 1), (60, 1), (garbage.ABANDONED_SECONDS + 60, 0)):
        ended_at = ended_ago and time.time() - ended_ago
        with backend.database.write() as connection:
            connection.execute(runs.runs.update().values(ended_at=ended_at))
        garbage.collect(backend)
        assert counts(backend).get("run_files", 0) == counts(backend).get("blobs", 0) == left


def test_an_upload_survives_the_collection_of_garbage(
    client: Client, backend: Backend, stream: Stream
) -> None:
    client.run("r", None, stream)
    with backend.database.write() as connection:
        key = files.declare(connection, 1, "slow.txt", BlobStore.new_key())

    async def slow() -> Any:
        yield b"first "
        await anyio.to_thread.run_sync(garbage.collect, backend)
        yield b"second"

    written = anyio.run(backend.blobs.write, key, slow())
    garbage.collect(backend)
    with backend.database.write() as connection:
        assert blobs.mark_stored(connection, key, written.size, written.md5)
    garbage.collect(backend)
    assert backend.blobs.read(key) == b"first second"


def test_what_a_backup_kept_goes_later(client: Client, backend: Backend, stream: Stream) -> None:
    client.run("a", None, stream)
    id = client.do('query { project(name: "p", entityName: "local") { id } }')["project"]["id"]
    with BlobStore.deletions_paused(backend.settings.blobs_dir):
        client.do(DELETE_PROJECT, id=id)
        (path,) = backend.settings.blobs_dir.glob("??/*")
        garbage.collect(backend)
    assert aged(path, 7200).exists()
    garbage.collect(backend)
    assert not path.exists()
