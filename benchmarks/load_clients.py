"""Cheap clients for the benchmarks of the server: runs and agents that send requests at a given rate.

The clients share two cores with the server, so they speak HTTP over plain asyncio. Each run and each agent
has a connection of its own. It sends its next request when the one before it is answered, as the stock client
does.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

QUICK = 0.0005  # seconds; a shorter sleep costs more than it waits
LATEST = 60.0  # seconds until the last request must be answered


class HttpConnection(asyncio.Protocol):
    """One keep-alive connection for one request at a time. It opens again if the server has closed it."""

    def __init__(self, url: str, key: str) -> None:
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        token = base64.b64encode(f"api:{key}".encode()).decode()
        self._head = f"HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Basic {token}\r\nContent-Length: "
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if not end or len(body) < length or self._answer is None or self._answer.done():
            return
        if head[9:12] == b"200":
            self._answer.set_result(body)
        else:
            self._answer.set_exception(RuntimeError(f"{head[:40]!r} {body[:200]!r}"))
        self._received = b""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the server closed the connection: {exc}"))

    async def post(self, path: str, body: bytes) -> bytes:
        """Return the body of the answer. Raise RuntimeError unless it is HTTP 200."""
        request = f"POST {path} {self._head}{len(body)}\r\nContent-Type: application/json\r\n\r\n".encode()
        is_reused = self._is_open()
        try:
            return await self._send(request + body)
        except ConnectionError:
            if not is_reused:
                raise
            return await self._send(request + body)  # the server closed the idle connection just now

    def _is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def _send(self, request: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        if self._transport is None or not self._is_open():
            self._transport, _ = await loop.create_connection(lambda: self, self._host, self._port)
        self._answer = loop.create_future()
        self._transport.write(request)
        return await self._answer

    async def graphql(self, query: str, **variables: object) -> dict[str, object]:
        """Return the data of an operation."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        answer = json.loads(await self.post("/graphql", body))
        assert "errors" not in answer, answer
        found: dict[str, object] = answer["data"]
        return found

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@dataclass
class Sender:
    """A run or an agent: `request(n)` returns the path and the body of its request number n."""

    connection: HttpConnection
    request: Callable[[int], tuple[str, bytes]]
    sent: int = 0


@dataclass
class Sent:
    """What a group of senders did: seconds from the time when each request was due to its answer."""

    seconds: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answered requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return a percentile of the latency in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def send(senders: Sequence[Sender], rate: float | None, seconds: float) -> Sent:
    """Send `rate` requests per second in all, evenly spread, for `seconds`.

    Without a rate, each sender sends its next request when the one before it is answered. With a rate, a
    request that waits for the answer before it counts from the time when it was due.
    """
    started = time.perf_counter()
    latencies: list[float] = []

    async def one(index: int, sender: Sender) -> None:
        period = len(senders) / rate if rate else 0.0
        due = started + period * index / len(senders)
        while due < started + seconds:
            if (wait := due - time.perf_counter()) > QUICK:
                await asyncio.sleep(wait)
            path, body = sender.request(sender.sent)
            await sender.connection.post(path, body)
            now = time.perf_counter()
            sender.sent += 1
            latencies.append(now - due)
            due = due + period if rate else now

    async with asyncio.timeout(seconds + LATEST):
        await asyncio.gather(*(one(index, sender) for index, sender in enumerate(senders)))
    return Sent(time.perf_counter() - started, latencies)


ROW = (
    r"{\"_step\":%d,\"_runtime\":%.3f,\"_timestamp\":1.7e9,\"epoch\":%d,"
    r"\"train_loss\":%.6f,\"val_acc\":%.6f}"
)
CHUNK = (
    '{"files":{"wandb-history.jsonl":{"offset":%d,"content":[%s]},'
    '"wandb-summary.json":{"offset":0,"content":[%s]}}}'
)


def chunk(first: int, rows: int) -> bytes:
    """Return a file stream request with history rows and the summary, as a run sends them."""
    lines = [f'"{ROW}"' % (n, 0.1 * n, n // 10, 1 / (n + 1), n / (n + 1)) for n in range(first, first + rows)]
    return (CHUNK % (first, ",".join(lines), lines[-1])).encode()
