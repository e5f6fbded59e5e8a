"""A full disk: the server says so, keeps what it has acknowledged, and continues when there is space."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live_server import LiveServer
from tests.server.attacks import head, send
from tests.server.operations import RUN, UPSERT_RUN

KEY = "k" * 40
MOUNT = 'mount -t tmpfs -o size=10m none "$0" && printf %s "$1" > "$0/api_key" && shift && exec "$@"'
IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
CREATE_FILES = """
mutation CreateRunFiles($files: [String!]!) {
  createRunFiles(input: {entityName: "local", projectName: "p", runName: "a", files: $files}) {
    files { name uploadUrl }
  }
}"""


def may_mount() -> bool:
    """Return True if this system lets a process mount a file system of its own."""
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return False
    command = [*IN_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not may_mount(), reason="this system allows no private mounts")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Return a server whose data folder is a disk of 10 MB."""
    data_dir = tmp_path_factory.mktemp("disk") / "server"
    data_dir.mkdir()
    (data_dir / "api_key").write_text(KEY)
    live = LiveServer(data_dir, runner=[*IN_NAMESPACE, "sh", "-c", MOUNT, str(data_dir), KEY])
    live.start()
    live.graphql(UPSERT_RUN, name="a", project="p", entity="local", config="{}")
    yield live
    live.stop()


def disk(server: LiveServer) -> Path:
    """Return the server's data folder as this process sees it."""
    return Path(f"/proc/{server.pid}/root{server.data_dir}")


def resize(server: LiveServer, size: str) -> None:
    enter = ["nsenter", "--target", str(server.pid), "--mount", "--user"]
    subprocess.run([*enter, "mount", "-o", f"remount,size={size}", str(server.data_dir)], check=True)


def post(server: LiveServer, path: str, body: dict[str, Any]) -> tuple[int, str]:
    content = json.dumps(body).encode()
    return send(server, head(server, f"POST {path}", f"Content-Length: {len(content)}", key=True) + content)


def row(number: int) -> dict[str, Any]:
    content = [json.dumps({"_step": number, "text": "x" * 50_000})]
    return {"files": {"wandb-history.jsonl": {"offset": number, "content": content}}}


def upload(server: LiveServer, name: str, size: int) -> tuple[int, str]:
    made = server.graphql(CREATE_FILES, files=[name])["createRunFiles"]["files"][0]["uploadUrl"]
    path = made.removeprefix(server.url)
    start = head(server, f"PUT {path}", f"Content-Length: {size}")
    return send(server, start, bytes(1 << 16), size)


def test_a_full_disk(server: LiveServer) -> None:
    path = "/files/local/p/a/file_stream"
    status, text = upload(server, "large", 32 << 20)
    assert status == 507 and "disk is full" in text
    blobs = disk(server) / "blobs"
    assert [path for path in blobs.rglob("*") if path.is_file()] == []

    rows = 0
    while (answer := post(server, path, row(rows)))[0] == 200:
        rows += 1
    assert answer[0] == 507 and "disk is full" in answer[1] and 10 < rows < 1000
    large = {"name": "b", "project": "p", "config": json.dumps({"text": "x" * 50_000})}
    status, text = post(server, "/graphql", {"query": UPSERT_RUN, "variables": large})
    assert status == 507 and "disk is full" in text
    for _ in range(50):
        assert post(server, path, row(rows))[0] == 507
    assert send(server, head(server, "GET /-/data/local/p/runs/a", key=True))[0] == 200
    assert server.log.read_text().count("disk is full") == 1 and "Traceback" not in server.log.read_text()

    resize(server, "60m")
    assert post(server, path, row(rows))[0] == 200
    assert upload(server, "large", 32 << 20)[0] == 200
    stored = server.graphql(RUN, name="a")["project"]["run"]["history"]
    assert [json.loads(line)["_step"] for line in stored] == list(range(rows + 1))


def test_a_server_does_not_start_on_a_full_disk(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=64k none "$0" && head -c 64k /dev/zero > "$0/large"; exec "$@"'
    serve = [sys.executable, "-m", "litsweep", "serve", "--port", "0", "--data-dir", str(tmp_path)]
    command = [*IN_NAMESPACE, "sh", "-c", mount, str(tmp_path), *serve]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(r"litsweep: .*(No space left|is full)", done.stderr)
