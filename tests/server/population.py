"""Data that the recorded requests name: runs with rows and files, artifacts, a portfolio and a sweep."""

import json
from typing import Any
from urllib.parse import unquote

from tests.server.fuzzing import Caller, Sent, encoded

_QUERY = """mutation M($input: {type}!) {{ result: {field}(input: $input) {{ {wanted} }} }}"""


class Population:
    """Creates the data."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.agent = ""

    async def create(self) -> str:
        """Create the data. Return the name of the sweep."""
        home = {"entityName": "local", "projectName": "p"}
        for name in ("first", "second", "forked", "third"):
            await self._run(name)
        config = (
            "method: random\nmetric: {name: loss, goal: minimize}\nparameters: {lr: {min: 0.0, max: 1.0}}\n"
        )
        sweep = await self._mutate("upsertSweep", {**home, "config": config}, "sweep { name }")
        created = str(sweep["sweep"]["name"])
        agent = await self._mutate("createAgent", {**home, "sweep": created, "host": "h"}, "agent { id }")
        self.agent = str(agent["agent"]["id"])
        await self._mutate("agentHeartbeat", {"id": self.agent, "runState": "{}"}, "commands")
        for digest in ("one", "two"):
            await self._artifact(home, digest)
        await self._declared(home, "three")
        return created

    async def _run(self, name: str) -> None:
        await self._mutate("upsertBucket", {"name": name, "modelName": "p", "config": "{}"}, "inserted")
        rows = [json.dumps({"_step": step, "loss": 1 / (step + 1), "epoch": step}) for step in range(20)]
        files = {
            "wandb-history.jsonl": {"offset": 0, "content": rows},
            "wandb-events.jsonl": {"offset": 0, "content": rows},
            "output.log": {"offset": 0, "content": ["a line", '{"content": "another"}']},
            "wandb-summary.json": {"offset": 0, "content": [rows[-1]]},
        }
        await self._send(Sent("POST", f"/files/local/p/{name}/file_stream", encoded({"files": files})))
        named = {"entityName": "local", "projectName": "p", "runName": name, "files": ["file.txt"]}
        found = await self._mutate("createRunFiles", named, "files { uploadUrl }")
        await self._upload(found["files"][0]["uploadUrl"], b"text")

    async def _artifact(self, home: dict[str, str], digest: str) -> None:
        id, url = await self._declared(home, digest)
        manifest = {"version": 1, "contents": {"r": {"digest": digest, "ref": "s3://b/r"}}}
        await self._upload(url, encoded(manifest))
        await self._mutate("commitArtifact", {"artifactID": id}, "artifact { id }")
        linked = {**home, "artifactID": id, "artifactPortfolioName": "linked"}
        await self._mutate("linkArtifact", linked, "versionIndex")

    async def _declared(self, home: dict[str, str], digest: str) -> tuple[str, str]:
        """Create a pending artifact. Return its id, and the address for the upload of its manifest."""
        names = {"artifactTypeName": "dataset", "artifactCollectionName": "data", "runName": "first"}
        made = await self._mutate("createArtifact", {**home, **names, "digest": digest}, "artifact { id }")
        declared = {"artifactID": made["artifact"]["id"], "name": "m", "digest": digest}
        found = await self._mutate(
            "createArtifactManifest", declared, "artifactManifest { file { uploadUrl } }"
        )
        return str(declared["artifactID"]), str(found["artifactManifest"]["file"]["uploadUrl"])

    async def _upload(self, url: str, content: bytes) -> None:
        path, _, query = url.removeprefix("http://test").partition("?")
        await self._send(Sent("PUT", unquote(path), content, query.encode()))

    async def _mutate(self, field: str, given: dict[str, Any], wanted: str) -> Any:
        type = {"commitArtifact": "ArtifactIDInput"}.get(field, f"{field[0].upper()}{field[1:]}Input")
        query = _QUERY.format(type=type, field=field, wanted=wanted)
        body = await self._send(
            Sent("POST", "/graphql", encoded({"query": query, "variables": {"input": given}}))
        )
        return json.loads(body)["data"]["result"]

    async def _send(self, sent: Sent) -> bytes:
        answer = await self._caller.send(sent)
        assert answer.status == 200, (sent, answer)
        return answer.body
