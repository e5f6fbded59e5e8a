"""Values that no page and no query can show must not be stored, and each stored value can be shown."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from litsweep.server.app import create_app
from litsweep.server.settings import Settings
from tests.server.fuzzing import Answer, Caller, Sent, recorded
from tests.server.population import Population
from tests.server.test_fuzz import pages

HUGE = 10**400
TEXTS = ["", "\ud800", "a\0b", "é\u2028\u202e", "x" * 100_000, "<b>", "{{x}}", "NaN", "9" * 500]
VALUES: list[Any] = [
    *TEXTS,
    HUGE,
    -HUGE,
    2**63,
    float("nan"),
    float("inf"),
    1e308,
    True,
    None,
    [],
    {},
    [[HUGE]],
    {"a": HUGE},
    {"\ud800": 1},
    {"": 1},
    {"x" * 100_000: 1},
    {"max": "\ud800"},
    {"min": HUGE},
    {"_type": HUGE},
    {"value": HUGE},
    {"a": {"b": [1, {"c": None}]}},
]
NAMES = [
    "loss",
    "\ud800",
    "a\0b",
    "a.b",
    ".",
    "",
    "_x",
    "_wandb",
    "x" * 10_000,
    "__proto__",
    "_step",
    "_runtime",
]
WHOLE = [
    "[1]",
    "3",
    "null",
    '"x"',
    "{",
    "[" * 200 + "]" * 200,
    '{"a":' * 200 + "1" + "}" * 200,
    "1" * 5_000,
    "NaN",
]


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(create_app(Settings(tmp_path / "data")))


class Writer:
    """Writes values by GraphQL and by the file stream, and keeps the statuses."""

    def __init__(self, caller: Caller, sweep: str) -> None:
        self.caller, self.sweep = caller, sweep
        self.statuses: list[int] = []

    async def mutate(self, field: str, type: str, wanted: str, **given: Any) -> Answer:
        query = f"mutation M($input: {type}!) {{ {field}(input: $input) {{ {wanted} }} }}"
        return await self.post("/graphql", {"query": query, "variables": {"input": given}})

    async def post(self, path: str, body: Any) -> Answer:
        answer = await self.caller.send(Sent("POST", path, json.dumps(body).encode()))
        assert answer.error is None and answer.status < 500 and b"internal error" not in answer.body, (
            body,
            answer,
        )
        self.statuses.append(answer.status)
        return answer

    async def run(self, **given: Any) -> None:
        named = {"name": "first", "modelName": "p", "entityName": "local", **given}
        await self.mutate("upsertBucket", "UpsertBucketInput", "inserted", **named)

    async def rows(self, rows: list[Any]) -> None:
        files = {
            name: {"offset": 0, "content": [json.dumps(row) for row in rows]}
            for name in ("wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json")
        }
        await self.post("/files/local/p/first/file_stream", {"files": files})


async def check_reads(caller: Caller, sweep: str, agent: str) -> None:
    """Read every page, and send everything that the stock client sends."""
    for sent in [*pages(sweep), *recorded(sweep, agent), *pages(sweep)]:
        answer = await caller.send(sent)
        assert answer.error is None and answer.status < 500, (sent, answer)
        assert b"internal error" not in answer.body, (sent, answer)
        is_page = sent.method == "GET" and not sent.path.startswith(("/artifactsV2", "/blobs"))
        assert not is_page or answer.status in (200, 304, 307), (sent, answer)


async def store_values(writer: Writer) -> None:
    await writer.run(sweep=writer.sweep)
    for number, value in enumerate(VALUES):
        numbered = dict.fromkeys(("loss", "acc", f"v{number}", f"n.{number}", *NAMES), value)
        wrapped = {name: {"value": value} for name in numbered}
        await writer.run(config=json.dumps(wrapped))
        await writer.run(summaryMetrics=json.dumps(numbered))
        await writer.rows([numbered, {**numbered, "_step": number}])
        assert writer.statuses[-3:] == [200] * 3, value


async def store_whole_values(writer: Writer) -> None:
    for text in WHOLE:
        await writer.run(config=text)
        await writer.run(summaryMetrics=text)
        await writer.mutate("upsertSweep", "UpsertSweepInput", "sweep { id }", config=text, projectName="p")
        ids = {"id": writer.sweep, "config": text}
        await writer.mutate("enqueueSweepRun", "EnqueueSweepRunInput", "id", **ids)


async def store_texts(writer: Writer) -> None:
    fields = (
        "displayName",
        "groupName",
        "jobType",
        "notes",
        "description",
        "host",
        "commit",
        "jobProgram",
        "jobRepo",
    )
    for text in TEXTS:
        await writer.run(tags=[text, text], **dict.fromkeys(fields, text))
        await writer.run(name=text)
        await writer.run(modelName=text)
        await writer.run(entityName=text)
        log = {"output.log": {"offset": 0, "content": [text, json.dumps({"content": text, "ts": [1]}), "{"]}}
        await writer.post("/files/local/p/first/file_stream", {"files": log})
        named = {"entityName": "local", "projectName": "p", "runName": "first", "files": [text]}
        await writer.mutate("createRunFiles", "CreateRunFilesInput", "runID", **named)
        artifact = {
            "artifactTypeName": text,
            "artifactCollectionName": text,
            "digest": text,
            "description": text,
            "metadata": json.dumps({text: text}),
            "tags": [{"tagName": text}],
            "projectName": "p",
            "aliases": [{"alias": text, "artifactCollectionName": text}] * 2,
        }
        await writer.mutate("createArtifact", "CreateArtifactInput", "artifact { id }", **artifact)
        config = (
            f"method: random\nname: {json.dumps(text)}\nparameters: {{a: {{value: {json.dumps(text)}}}}}\n"
        )
        sweep = {"displayName": text, "description": text, "projectName": "p", "config": config}
        await writer.mutate("upsertSweep", "UpsertSweepInput", "sweep { id }", **sweep)
        await writer.mutate("upsertModel", "UpsertModelInput", "inserted", name="p", description=text)


@pytest.mark.parametrize("store", [store_values, store_whole_values, store_texts])
def test_every_stored_value_can_be_shown(caller: Caller, store: Any) -> None:
    async def run() -> None:
        population = Population(caller)
        sweep = await population.create()
        writer = Writer(caller, sweep)
        await store(writer)
        await check_reads(caller, sweep, population.agent)
        if store is store_whole_values:
            assert set(writer.statuses) <= {400, 404}

    asyncio.run(run())
