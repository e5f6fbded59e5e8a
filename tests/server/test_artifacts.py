"""Artifacts, logged with the same operations as wandb-core's."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from litsweep.server.artifacts.tables import repeats
from litsweep.server.backend import Backend
from litsweep.server.store import blobs
from tests.server.conftest import GraphQL
from tests.server.operations import UPSERT_RUN

CREATE = """
mutation CreateArtifact($input: CreateArtifactInput!) {
  createArtifact(input: $input) { artifact { id state artifactSequence { latestArtifact { id } } } }
}"""
MANIFEST = """
mutation CreateArtifactManifest($id: ID!, $base: ID, $digest: String!, $type: ArtifactManifestType!) {
  createArtifactManifest(input: {artifactID: $id, baseArtifactID: $base, name: "wandb_manifest.json",
      digest: $digest, entityName: "local", projectName: "p", runName: "r", type: $type}) {
    artifactManifest { id file { id uploadUrl uploadHeaders } }
  }
}"""
FILES = """
mutation CreateArtifactFiles($files: [CreateArtifactFileSpecInput!]!) {
  createArtifactFiles(input: {artifactFiles: $files, storageLayout: V2}) {
    files { edges { node { storagePath uploadUrl uploadMultipartUrls { uploadID } artifact { id } } } }
  }
}"""
COMMIT = "mutation ($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id digest } } }"
DELETE = """
mutation ($id: ID!, $aliases: Boolean) {
  deleteArtifact(input: {artifactID: $id, deleteAliases: $aliases}) { artifact { id } }
}"""
VERSION = """
query ($name: String!) {
  project(name: "p", entityName: "local") {
    artifactCollectionMembership(name: $name) {
      versionIndex aliases { alias }
      artifact { id state size fileCount files { edges { node { name sizeBytes directUrl } } } }
    }
  }
}"""

LINEAGE = """
query ($name: String!) {
  project(name: "p", entityName: "local") {
    run(name: $name) { id outputArtifacts { edges { node { id createdBy { ... on Run { name } } } } } }
  }
}"""
DELETE_RUN = """
mutation ($id: ID!, $too: Boolean) {
  deleteRun(input: {id: $id, deleteArtifacts: $too}) { clientMutationId }
}"""


def md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content).digest()).decode()


class Uploader:
    """Logs artifacts with the operations that wandb-core sends."""

    def __init__(self, backend: Backend, graphql: GraphQL) -> None:
        self.backend = backend
        self.graphql = graphql
        self.uploads: list[str] = []

    def do(self, query: str, **variables: Any) -> Any:
        answer = self.graphql(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def create(self, digest: str, name: str = "data", **more: Any) -> Any:
        fixed = {"entityName": "local", "projectName": "p", "runName": "r", "artifactTypeName": "dataset"}
        dedupe = {"digest": digest, "artifactCollectionName": name, "enableDigestDeduplication": True}
        return self.do(CREATE, input={**fixed, **dedupe, **more})["createArtifact"]["artifact"]

    def put(self, url: str, content: bytes) -> None:
        key = urlsplit(url).path.split("/")[2]
        written = self.backend.blobs.put(key, content)
        with self.backend.database.write() as connection:
            assert blobs.mark_stored(connection, key, written.size, written.md5)

    def send(self, id: str, contents: dict[str, bytes]) -> None:
        """Upload the files that the server lacks, and set `uploads` to their names."""
        specs = [{"artifactID": id, "name": n, "md5": md5(c)} for n, c in contents.items()]
        edges = self.do(FILES, files=specs)["createArtifactFiles"]["files"]["edges"]
        self.uploads = []
        for edge, (name, content) in zip(edges, contents.items(), strict=True):
            if edge["node"]["uploadUrl"]:
                self.uploads.append(name)
                self.put(edge["node"]["uploadUrl"], content)

    def send_manifest(
        self, id: str, contents: dict[str, bytes], type: str = "FULL", base: str | None = None
    ) -> None:
        lines = {n: {"digest": md5(c), "size": len(c), "birthArtifactID": id} for n, c in contents.items()}
        document = json.dumps({"version": 1, "contents": lines}).encode()
        variables = {"id": id, "base": base, "type": type}
        self.do(MANIFEST, **variables, digest="")
        made = self.do(MANIFEST, **variables, digest=md5(document))["createArtifactManifest"]
        self.put(made["artifactManifest"]["file"]["uploadUrl"], document)

    def log(self, contents: dict[str, bytes], name: str = "data", **more: Any) -> str:
        """Log an artifact with these files. Return the id of the version."""
        digest = hashlib.md5(repr(sorted(contents.items())).encode()).hexdigest()
        artifact = self.create(digest, name, **more)
        if artifact["state"] == "PENDING":
            self.send(artifact["id"], contents)
            self.send_manifest(artifact["id"], contents)
            self.do(COMMIT, id=artifact["id"])
        id: str = artifact["id"]
        return id

    def version(self, name: str) -> Any:
        return self.do(VERSION, name=name)["project"]["artifactCollectionMembership"]

    def names(self, name: str) -> list[str]:
        return [edge["node"]["name"] for edge in self.version(name)["artifact"]["files"]["edges"]]


@pytest.fixture
def client(backend: Backend, graphql: GraphQL) -> Uploader:
    graphql(UPSERT_RUN, name="r", project="p", entity="local")
    return Uploader(backend, graphql)


def aliases(version: Any) -> list[str]:
    return [alias["alias"] for alias in version["aliases"]]


def test_versions_count_up_and_latest_moves(client: Uploader) -> None:
    first = client.log({"a": b"1"}, aliases=[{"artifactCollectionName": "data", "alias": "best"}])
    second = client.log({"a": b"2"})
    assert (
        client.version("data:v0")["artifact"]["id"] == client.version("data:best")["artifact"]["id"] == first
    )
    assert (
        client.version("data")["artifact"]["id"] == client.version("data:latest")["artifact"]["id"] == second
    )
    assert aliases(client.version("data:v0")) == ["best"]
    assert client.version("data:v2") is client.version("data:nonsense") is client.version("other:v0") is None


def test_a_version_exists_from_commit_on(client: Uploader) -> None:
    artifact = client.create("digest")
    client.send(artifact["id"], {"a": b"1"})
    assert client.version("data:v0") is None
    client.send_manifest(artifact["id"], {"a": b"1"})
    client.do(COMMIT, id=artifact["id"])
    client.do(COMMIT, id=artifact["id"])  # the client repeats a request without an answer
    assert client.version("data")["versionIndex"] == 0
    assert client.version("data:v1") is None
    assert client.version("data")["artifact"] | {"files": None, "id": None} == {
        "id": None,
        "state": "COMMITTED",
        "size": 1,
        "fileCount": 1,
        "files": None,
    }


def test_the_same_content_is_the_same_version(client: Uploader) -> None:
    first = client.log({"a": b"1"})
    client.log({"a": b"2"})
    again = client.log({"a": b"1"}, aliases=[{"artifactCollectionName": "data", "alias": "again"}])
    assert again == first
    assert client.version("data:again")["versionIndex"] == 0
    assert client.version("data:latest")["versionIndex"] == 1


def outputs(client: Uploader, run: str) -> list[Any]:
    edges = client.do(LINEAGE, name=run)["project"]["run"]["outputArtifacts"]["edges"]
    return [(edge["node"]["id"], edge["node"]["createdBy"]) for edge in edges]


def delete_run(client: Uploader, run: str, with_artifacts: bool) -> None:
    client.do(DELETE_RUN, id=client.do(LINEAGE, name=run)["project"]["run"]["id"], too=with_artifacts)


@pytest.fixture
def relogged(client: Uploader, graphql: GraphQL) -> str:
    """Return the id of a version that r logged once and s twice, the second time by the name `data:v0`."""
    graphql(UPSERT_RUN, name="s", project="p", entity="local")
    version = client.log({"a": b"1"})
    assert client.log({"a": b"1"}, runName="s", tags=[{"tagName": "good"}]) == version
    seen = [{"artifactCollectionName": "data:v0", "alias": "seen"}]
    assert client.log({"a": b"1"}, name="data:v0", runName="s", aliases=seen) == version
    return version


def test_a_version_is_an_output_of_every_run_that_logged_it(client: Uploader, relogged: str) -> None:
    assert outputs(client, "r") == outputs(client, "s") == [(relogged, {"name": "r"})]
    query = """query { project(name: "p", entityName: "local") {
        artifact(name: "data:seen") { id tags { name } }
        artifactCollections { edges { node { name } } } } }"""
    project = client.do(query)["project"]
    assert project["artifact"] == {"id": relogged, "tags": [{"name": "good"}]}
    assert [edge["node"]["name"] for edge in project["artifactCollections"]["edges"]] == ["data"]


def test_processes_that_write_one_artifact_all_have_it_as_output(client: Uploader, graphql: GraphQL) -> None:
    graphql(UPSERT_RUN, name="s", project="p", entity="local")
    shared = {"distributedID": "shared"}
    parts = [client.create(f"digest of {run}", **shared, runName=run)["id"] for run in "rs"]
    client.send(parts[0], {"a": b"1"})
    client.send_manifest(parts[0], {"a": b"1"}, type="PATCH")
    client.do(COMMIT, id=parts[0])
    assert parts[0] == parts[1]
    assert outputs(client, "r") == outputs(client, "s") == [(parts[0], {"name": "r"})]


@pytest.mark.parametrize("first", ["r", "s"])
def test_a_version_goes_with_the_last_run_that_logged_it(
    client: Uploader, backend: Backend, relogged: str, first: str
) -> None:
    second = "s" if first == "r" else "r"
    delete_run(client, first, with_artifacts=True)
    assert outputs(client, second) == [(relogged, None if first == "r" else {"name": "r"})]
    assert client.names("data:v0") == ["a"]
    delete_run(client, second, with_artifacts=True)
    assert client.version("data:v0") is None
    assert not [path for path in backend.settings.blobs_dir.rglob("*") if path.is_file()]


def test_a_deleted_run_leaves_its_versions_to_the_others(client: Uploader, relogged: str) -> None:
    delete_run(client, "r", with_artifacts=False)
    assert outputs(client, "s") == [(relogged, None)]
    delete_run(client, "s", with_artifacts=False)
    assert client.names("data:v0") == ["a"]


def test_a_deleted_version_is_no_output(client: Uploader, relogged: str) -> None:
    client.do(DELETE, id=relogged, aliases=True)
    assert outputs(client, "r") == outputs(client, "s") == []
    again = client.log({"a": b"1"}, runName="s")
    assert (outputs(client, "r"), outputs(client, "s")) == ([], [(again, {"name": "s"})])


def test_a_data_folder_from_before_repeats_has_its_outputs(client: Uploader, graphql: GraphQL) -> None:
    version = client.log({"a": b"1"})
    with client.backend.database.write() as connection:
        repeats.drop(connection)
    reopened = Backend.open(client.backend.settings)
    reopened.close()
    graphql(UPSERT_RUN, name="s", project="p", entity="local")
    assert client.log({"a": b"1"}, runName="s") == version
    assert outputs(client, "r") == outputs(client, "s") == [(version, {"name": "r"})]


def test_a_stored_content_is_not_uploaded_again(client: Uploader) -> None:
    client.log({"a": b"shared", "b": b"one"})
    assert client.uploads == ["a", "b"]
    client.log({"renamed": b"shared", "c": b"two"}, name="other")
    assert client.uploads == ["c"]
    assert client.names("other") == ["c", "renamed"]


def test_a_file_that_never_came_cannot_be_committed(client: Uploader) -> None:
    artifact = client.create("digest")
    client.send(artifact["id"], {"a": b"1"})
    client.send_manifest(artifact["id"], {"a": b"1", "lost": b"2"})
    errors = client.graphql(COMMIT, id=artifact["id"])["errors"]
    assert "'lost' was never uploaded" in errors[0]["message"]
    assert client.version("data") is None


def test_without_a_manifest_there_is_no_commit(client: Uploader) -> None:
    errors = client.graphql(COMMIT, id=client.create("digest")["id"])["errors"]
    assert "manifest" in errors[0]["message"]


def test_an_artifact_with_aliases_is_deleted_only_on_request(client: Uploader, backend: Backend) -> None:
    client.log({"a": b"1", "shared": b"s"})
    newest = client.log({"b": b"2", "shared": b"s"})
    assert "latest" in client.graphql(DELETE, id=newest)["errors"][0]["message"]
    client.do(DELETE, id=newest, aliases=True)
    assert client.version("data:v1") is None
    assert client.version("data:latest")["versionIndex"] == 0
    assert client.log({"c": b"3"}) and client.version("data:latest")["versionIndex"] == 2
    stored = [path.read_bytes() for path in backend.settings.blobs_dir.rglob("*") if path.is_file()]
    assert b"2" not in stored and {b"1", b"s", b"3"} <= set(stored)


def test_an_incremental_artifact_has_what_its_base_has(client: Uploader) -> None:
    base = client.log({"a": b"1", "b": b"old"})
    artifact = client.create("increment")
    client.send(artifact["id"], {"b": b"new", "c": b"3"})
    client.send_manifest(artifact["id"], {"b": b"new", "c": b"3"}, type="INCREMENTAL", base=base)
    client.do(COMMIT, id=artifact["id"])
    assert client.names("data:latest") == ["a", "b", "c"]
    assert client.version("data:latest")["artifact"]["size"] == 1 + 3 + 1


def test_processes_write_one_artifact_together(client: Uploader) -> None:
    parts = [client.create(f"digest {i}", distributedID="shared")["id"] for i in range(2)]
    assert parts[0] == parts[1]
    for i, id in enumerate(parts):
        contents = {f"part-{i}": str(i).encode()}
        client.send(id, contents)
        client.send_manifest(id, contents, type="PATCH")
    client.do(COMMIT, id=parts[0])
    assert client.names("data:latest") == ["part-0", "part-1"]


def test_a_collection_is_of_one_type(client: Uploader) -> None:
    client.log({"a": b"1"})
    variables = {"entityName": "local", "projectName": "p", "artifactTypeName": "model"}
    answer = client.graphql(
        CREATE, input={**variables, "artifactCollectionName": "data", "digest": "x", "runName": "r"}
    )
    assert "'dataset', not 'model'" in answer["errors"][0]["message"]


@pytest.mark.parametrize("id", ["", "1", "QXJ0aWZhY3Q6", "QXJ0aWZhY3Q6OTk5", "é", "../x"])
def test_an_id_that_is_none_is_not_found(client: Uploader, id: str) -> None:
    assert client.graphql(DELETE, id=id)["status"] == 404


def test_files_come_in_pages(client: Uploader) -> None:
    client.log({f"{i:03}": str(i).encode() for i in range(120)})
    query = """
    query ($after: String) {
      project(name: "p", entityName: "local") { artifactCollection(name: "data") {
        artifactMembership(aliasName: "v0") { files(first: 50, after: $after) {
          totalCount edges { node { name } } pageInfo { endCursor hasNextPage } } } } }
    }"""
    names: list[str] = []
    after, more = None, True
    while more:
        files = client.do(query, after=after)["project"]["artifactCollection"]["artifactMembership"]["files"]
        assert files["totalCount"] == 120
        names += [edge["node"]["name"] for edge in files["edges"]]
        after, more = files["pageInfo"]["endCursor"], files["pageInfo"]["hasNextPage"]
    assert names == [f"{i:03}" for i in range(120)]
