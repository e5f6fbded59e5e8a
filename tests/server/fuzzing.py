"""Seeded mutations of requests and of sweep configs, and an application that answers them in this process."""

import asyncio
import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import graphql as gql
from starlette.applications import Starlette

from tests.server.fuzz_values import BAD_BYTES, BAD_VALUES, VALID

RECORDED = Path(__file__).with_name("stock_requests.json")


@dataclass(frozen=True)
class Sent:
    """A request. The path is decoded."""

    method: str
    path: str
    body: bytes = b""
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Mutator:
    """Random changes of values, texts and requests, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self) -> Any:
        """Return a bad value."""
        return self.random.choice(BAD_VALUES)

    def json(self, value: Any) -> Any:
        """Return a JSON value with one change somewhere in it, also inside a JSON text."""
        places = list(_places(value))
        if not places or self.random.random() < 0.03:
            return self.value()
        path = self.random.choice(places)
        return _changed(value, path, self._change)

    def _change(self, old: Any) -> Any:
        if isinstance(old, str) and old[:1] in "{[" and self.random.random() < 0.8:
            try:
                return json.dumps(self.json(json.loads(old)))
            except (ValueError, RecursionError):
                return self.text(old)
        if isinstance(old, str) and self.random.random() < 0.3:
            return self.text(old)
        match self.random.randrange(6):
            case 0 if isinstance(old, dict):
                return {**old, str(self.value())[:6_000]: self.value()}
            case 0 if isinstance(old, list):
                return [*old, *old, self.value()]
            case 1:
                return [old]
            case 2:
                return {"a": old}
            case 3:
                return str(old)
            case _:
                return self.value()

    def text(self, old: str) -> str:
        """Return a text with one part removed, repeated, moved or replaced."""
        if not old:
            return str(self.value())
        words = re.split(r"(\W)", old)
        i, j = sorted(self.random.randrange(len(words)) for _ in range(2))
        j = min(j, i + 12)
        new = [[], words[i:j] * 2, [str(self.value())[:3_000]], words[i:j][::-1], [self.random.choice(words)]]
        return "".join([*words[:i], *self.random.choice(new), *words[j:]])

    def raw(self, old: bytes) -> bytes:
        """Return bytes with one place cut out, doubled or overwritten."""
        i, j = sorted(self.random.randrange(len(old) + 1) for _ in range(2))
        new = self.random.choice([b"", old[i:j] * 2, self.random.choice(BAD_BYTES), self.random.randbytes(3)])
        return old[:i] + new + old[j:]

    def request(self, sent: Sent) -> Sent:
        """Return a request with a change of its body, path, query or headers."""
        choice = self.random.random()
        if choice < 0.06:
            return replace(sent, body=self.raw(sent.body))
        if choice < 0.10:
            return replace(sent, headers=(*sent.headers, self._header()))
        if choice < 0.16 or sent.method == "GET":
            return self._other_address(sent)
        if sent.path != "/graphql":
            return replace(sent, body=self._json_body(sent.body))
        body = json.loads(sent.body)
        if choice < 0.4:
            return replace(sent, body=encoded({**body, "query": self.text(body["query"])}))
        if choice < 0.44:
            return replace(sent, body=encoded(self.json(body)))
        for _ in range(self.random.choice((1, 1, 2, 3))):
            body = {**body, "variables": self.json(body.get("variables") or {})}
        return replace(sent, body=encoded(body))

    def _json_body(self, body: bytes) -> bytes:
        try:
            return encoded(self.json(json.loads(body)))
        except ValueError:
            return self.raw(body)

    def _other_address(self, sent: Sent) -> Sent:
        if self.random.random() < 0.3:
            key = self.random.choice((b"from", b"signature", b"next", b"x"))
            value = str(self.value())[:2_000].encode(errors="replace")
            return replace(sent, query=key + b"=" + value.replace(b" ", b"+"))
        parts = sent.path.split("/")
        place = self.random.randrange(1, len(parts))
        parts[place] = unquote(str(self.value())[:2_000], errors="replace").encode(errors="replace").decode()
        return replace(sent, path="/".join(parts))

    def _header(self) -> tuple[bytes, bytes]:
        name = self.random.choice(
            (b"content-encoding", b"authorization", b"range", b"if-none-match", b"cookie")
        )
        values = (
            b"gzip",
            b"Basic \xe9",
            b"Bearer \xe9",
            b"Basic QQ==",
            b"bytes=5-1",
            b"bytes=a",
            b"x=\xff",
            b"deflate",
        )
        return name, self.random.choice(values)


def encoded(value: Any) -> bytes:
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b"{}"


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all values inside a JSON value, up to a depth of 20."""
    if len(path) > 20:
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _places(inner, (*path, key))


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(value[path[0]], path[1:], change)
    return copy


@dataclass(frozen=True)
class Answer:
    """The status, the body and the seconds of an answer, and the exception that the application raised."""

    status: int
    body: bytes
    seconds: float
    error: BaseException | None = None


class Caller:
    """Calls an application as an HTTP server does. It has the key."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._key = f"Bearer {app.state.backend.keyring.key}".encode()

    async def send(self, sent: Sent) -> Answer:
        """Return the answer to a request."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": sent.method,
            "scheme": "http",
            "path": sent.path,
            "raw_path": sent.path.encode(errors="replace"),
            "root_path": "",
            "query_string": sent.query,
            "client": ("127.0.0.1", 1),
            "server": ("test", 80),
            "headers": [
                (b"host", b"test"),
                *sent.headers,
                (b"authorization", self._key),
                (b"content-length", str(len(sent.body)).encode()),
            ],
        }
        messages = iter([{"type": "http.request", "body": sent.body, "more_body": False}])
        received: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            message = next(messages, None)
            if message is None:
                await asyncio.Event().wait()  # the client stays connected
            assert message is not None
            return message

        async def collect(message: Any) -> None:
            received.append(message)

        start, error = time.monotonic(), None
        try:
            await self.app(scope, receive, collect)
        except Exception as raised:
            error = raised
        status = received[0]["status"] if received else 0
        body = b"".join(message.get("body", b"") for message in received[1:])
        return Answer(status, body, time.monotonic() - start, error)

    def send_all(self, requests: Iterator[Sent], check: Callable[[Sent, Answer], None]) -> None:
        """Send requests one after the other, and call `check` with each answer."""

        async def run() -> None:
            for sent in requests:
                check(sent, await self.send(sent))

        asyncio.run(run())


class Errors(logging.Handler):
    """Counts log records, and keeps those of errors."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        if record.levelno >= logging.ERROR:
            self.errors.append(logging.Formatter().format(record))


def recorded(sweep: str, agent: str) -> list[Sent]:
    """Return the stock client's requests, with the name of a sweep and the id of an agent of this server."""
    text = RECORDED.read_text().replace("SWEEP", sweep).replace("AGENT", agent)
    return [Sent(method, path, body.encode()) for method, path, body in json.loads(text)]


class Generator:
    """Random operations of a schema: fields, aliases and arguments, with valid and with bad values."""

    def __init__(self, schema: gql.GraphQLSchema, mutator: Mutator) -> None:
        self._schema = schema
        self._mutator = mutator
        self._random = mutator.random

    def request(self) -> Sent:
        """Return a request with one operation."""
        kind = self._random.choice(("query", "mutation", "mutation"))
        root = self._schema.query_type if kind == "query" else self._schema.mutation_type
        query = f"{kind} {self._selection(root, 5, 1 if kind == 'mutation' else 2)}"
        return Sent("POST", "/graphql", encoded({"query": query}))

    def _selection(self, type_: Any, depth: int, most: int = 4) -> str:
        if isinstance(type_, gql.GraphQLUnionType):
            inner = self._random.choice(type_.types)
            return f"{{ ... on {inner.name} {self._selection(inner, depth - 1)} }}"
        names = [
            name
            for name in type_.fields
            if depth > 0 or gql.is_leaf_type(gql.get_named_type(type_.fields[name].type))
        ]
        chosen = self._random.sample(names, min(len(names), most)) or ["__typename"]
        return "{ " + " ".join(self._field(name, type_, depth) for name in chosen) + " }"

    def _field(self, name: str, type_: Any, depth: int) -> str:
        if name.startswith("_"):
            return "__typename"
        field = type_.fields[name]
        given = [
            f"{key}: {self._value(argument.type)}"
            for key, argument in field.args.items()
            if self._is_given(argument)
        ]
        arguments = f"({', '.join(given)})" if given else ""
        inner = gql.get_named_type(field.type)
        selection = "" if gql.is_leaf_type(inner) else self._selection(inner, depth - 1)
        return f"a{self._random.randrange(1000)}: {name}{arguments} {selection}"

    def _is_given(self, argument: Any) -> bool:
        return isinstance(argument.type, gql.GraphQLNonNull) or self._random.random() < 0.6

    def _value(self, type_: Any) -> str:
        """Return a literal for an argument, usually of its type."""
        if self._random.random() < 0.12:
            return _literal(self._mutator.value())
        type_ = type_.of_type if isinstance(type_, gql.GraphQLNonNull) else type_
        if isinstance(type_, gql.GraphQLList):
            return f"[{', '.join(self._value(type_.of_type) for _ in range(self._random.randrange(3)))}]"
        if isinstance(type_, gql.GraphQLInputObjectType):
            fields = {key: field for key, field in type_.fields.items() if self._is_given(field)}
            return "{" + ", ".join(f"{key}: {self._value(field.type)}" for key, field in fields.items()) + "}"
        if isinstance(type_, gql.GraphQLEnumType):
            return str(self._random.choice(list(type_.values)))
        if type_.name in ("Int", "Int64", "Float"):
            return str(self._random.choice((0, 1, 2, 3, 50, -1, 2**31 - 1)))
        if type_.name == "Boolean":
            return self._random.choice(("true", "false"))
        return _literal(
            self._random.choice(VALID) if self._random.random() < 0.7 else str(self._mutator.value())
        )


def _literal(value: Any) -> str:
    """Return a JSON value as a literal of GraphQL."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"a{n}: {_literal(inner)}" for n, inner in enumerate(value.values())) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value)
