"""The server process."""

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from litsweep.cli import main
from litsweep.errors import LitsweepError
from litsweep.server.serve import serve
from litsweep.server.server_info import ServerInfo, server_info
from litsweep.server.settings import Settings
from tests.live_server import LiveServer
from tests.server.operations import UPSERT_RUN


def test_it_says_where_it_is_and_ends_cleanly(server: LiveServer) -> None:
    info = server_info(server.data_dir)
    assert info is not None and info.url == server.url
    assert json.loads((server.data_dir / "server.json").read_text())["pid"] == info.pid
    assert server.stop() == 0
    assert server_info(server.data_dir) is None


def test_one_server_on_one_folder(server: LiveServer) -> None:
    with pytest.raises(LitsweepError, match=f"in use by a server at {server.url}"):
        serve(Settings(server.data_dir))


def test_a_taken_port_is_named(server: LiveServer, tmp_path: Path) -> None:
    with pytest.raises(LitsweepError, match=f"port {server.port}.*--port 0"):
        serve(Settings(tmp_path / "other", port=server.port))


def test_a_killed_server_leaves_no_lock(server: LiveServer) -> None:
    server.kill()
    assert server_info(server.data_dir) is not None
    server.start()


def status(url: str, accept: str = "*/*") -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Accept": accept})
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(request, timeout=10) as response:
            return response.status, response.headers.get("location", "")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("location", "")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_everything_but_the_health_check_needs_the_key(server: LiveServer) -> None:
    assert status(server.url + "/healthz") == (200, "")
    assert status(server.url + "/sdk/otel/v1/metrics") == (404, "")
    for path in ("/graphql", "/files/local/p/r/file_stream", "/local/p", "/nothing"):
        assert status(server.url + path) == (401, "")
    assert status(server.url + "/local/p?tab=1", "text/html,*/*") == (
        303,
        "/login?next=%2Flocal%2Fp%3Ftab%3D1",
    )


FILES = """
mutation CreateRunFiles {
  createRunFiles(input: {entityName: "local", projectName: "p", runName: "a", files: ["x"]}) {
    files { uploadUrl }
  }
}"""


@pytest.mark.parametrize(
    ("host", "proxy", "address"),
    [
        ("localhost:8000", {}, "http://localhost:8000"),
        ("192.0.2.7:8765", {}, "http://192.0.2.7:8765"),
        (socket.gethostname(), {"X-Forwarded-Proto": "https"}, f"https://{socket.gethostname()}"),
    ],
)
def test_links_have_the_address_that_the_client_uses(
    host: str, proxy: dict[str, str], address: str, module_server: LiveServer
) -> None:
    """A TLS proxy on this machine tells the scheme."""
    module_server.graphql(UPSERT_RUN, name="a", project="p", entity="local", config="{}")
    headers = {"Host": host, "Authorization": f"Bearer {module_server.key}", **proxy}
    request = urllib.request.Request(
        module_server.url + "/graphql", json.dumps({"query": FILES}).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        made = json.load(response)["data"]["createRunFiles"]["files"][0]["uploadUrl"]
    assert made.startswith(f"{address}/blobs/")


def test_another_host_s_name_is_refused(module_server: LiveServer) -> None:
    request = urllib.request.Request(module_server.url + "/healthz", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="421"):
        urllib.request.urlopen(request, timeout=10)


def test_one_server_on_one_sqlite_file_outside_its_folder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    said: list[str] = []

    def try_another(_: ServerInfo) -> None:
        with pytest.raises(LitsweepError) as caught:
            serve(Settings(tmp_path / "second", database_url=url))
        said.append(str(caught.value))
        os.kill(os.getpid(), signal.SIGTERM)

    serve(Settings(tmp_path / "first", database_url=url), try_another)
    assert said == [
        f"--database-url: {tmp_path / 'shared.db'} is in use by another litsweep server: use that one"
    ]
    (tmp_path / "first" / "litsweep.db").write_text("of an earlier start")
    assert main(["backup", str(tmp_path / "copy.tar"), "--data-dir", str(tmp_path / "first")]) == 0
    assert main(["restore", str(tmp_path / "copy.tar"), "--data-dir", str(tmp_path / "copy")]) == 0
