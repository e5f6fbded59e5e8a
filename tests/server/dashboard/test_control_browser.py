"""The controls in a browser, and two servers on one host."""

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from litsweep.server.auth import Keyring
from litsweep.server.backend import Backend
from litsweep.server.dashboard.login import login_link
from litsweep.server.settings import Settings
from tests.live_server import LiveServer
from tests.server.dashboard.conftest import EVIL, fill
from tests.server.dashboard.test_browser import CHROMIUM, browser
from tests.server.operations import UPSERT_SWEEP

assert browser  # the fixture

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

REFUSED = "409 (Conflict)"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Return two servers on 127.0.0.1. The second one works on a copy of the first one's data folder."""
    folder = tmp_path_factory.mktemp("control")
    first = LiveServer(folder / "one" / "server")
    backend = Backend.open(Settings(Path(first.data_dir)))
    backend.close()
    shutil.copytree(folder / "one", folder / "two")
    second = LiveServer(folder / "two" / "server")
    for server in (first, second):
        server.start()
    yield first, second
    for server in (first, second):
        server.stop()


@pytest.fixture
def sweep(servers: tuple[LiveServer, LiveServer]) -> str:
    """Return the path of a new sweep on the first server, in a new project p."""
    server = servers[0]
    server.graphql('mutation { upsertModel(input: {name: "p", entityName: "local"}) { inserted } }')
    found = server.graphql('{ project(name: "p", entityName: "local") { id } }')["project"]
    server.graphql("mutation D($id: ID!) { deleteModel(input: {id: $id}) { success } }", id=found["id"])
    backend = Backend.open(Settings(Path(server.data_dir)))
    with backend.database.write() as connection:
        path = fill(connection, backend)
    backend.close()
    return path


@pytest.fixture
def context(browser: Browser, servers: tuple[LiveServer, LiveServer]) -> Iterator[BrowserContext]:
    """Return a browser that is signed in to the first server. Other errors than refusals fail the test."""
    opened = browser.new_context(base_url=servers[0].url, viewport={"width": 1280, "height": 900})
    errors: list[str] = []

    def watch(page: Page) -> None:
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))

    opened.on("page", watch)
    page = opened.new_page()
    page.goto(login_link(Keyring(servers[0].key)))
    page.close()
    yield opened
    opened.close()
    assert [error for error in errors if REFUSED not in error] == []


def button(page: Page, name: str) -> Any:
    return page.get_by_role("group", name="Controls").get_by_role("button", name=name, exact=True)


def said(page: Page) -> Any:
    return page.locator("#controls p[role=status]")


def test_a_sweep_is_controlled_with_the_keyboard(context: BrowserContext, sweep: str) -> None:
    page = context.new_page()
    page.goto(sweep)
    button(page, "Pause").press("Enter")
    expect(said(page)).to_contain_text("The sweep is paused")
    expect(page.locator("#head .badge")).to_have_text("paused")
    expect(button(page, "Resume")).to_be_focused()  # the first button in place of the one that is gone
    page.keyboard.press("Enter")
    expect(page.locator("#head .badge")).to_have_text("running")
    button(page, "Cancel…").press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel sweep sweep <img")
    expect(dialog).to_contain_text("1 running run will be stopped")
    expect(dialog.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator("#head .badge")).to_have_text("running")
    button(page, "Cancel…").press("Enter")
    expect(dialog.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#head .badge")).to_have_text("canceled")
    page.get_by_text("History of changes").click()
    history = page.locator("#controls details li")
    expect(history).to_have_count(3)
    expect(history.first).to_contain_text(": running → canceled")
    expect(history.first).to_contain_text("session ")
    assert page.title() != "owned"


def test_the_stale_button_of_a_second_tab_is_refused_and_the_tab_follows(
    context: BrowserContext, servers: tuple[LiveServer, LiveServer], sweep: str
) -> None:
    page = context.new_page()
    page.goto(sweep)
    expect(button(page, "Pause")).to_be_visible()
    page.route("**/-/data/**", lambda route: route.abort())  # it does not hear of the change
    id = sweep.rpartition("/")[2]
    servers[0].graphql(UPSERT_SWEEP, id=id, state="FINISHED")
    page.unroute("**/-/data/**")
    button(page, "Pause").click()
    expect(said(page)).to_have_text(
        "Not done: the sweep is finished; only a pending or running sweep can be paused."
    )
    expect(page.locator("#head .badge")).to_have_text("finished")
    expect(button(page, "Pause")).to_have_count(0)


def test_a_finished_sweep_says_why_it_is_not_resumed(
    context: BrowserContext, servers: tuple[LiveServer, LiveServer], sweep: str
) -> None:
    page = context.new_page()
    page.goto(sweep)
    button(page, "Pause").click()
    expect(button(page, "Resume")).to_be_visible()
    page.route("**/-/data/**", lambda route: route.abort())
    with closing(sqlite3.connect(servers[0].data_dir / "litsweep.db")) as database, database:
        database.execute("UPDATE sweeps SET state = 'FINISHED', done_because = 'run_cap'")
    page.unroute("**/-/data/**")
    button(page, "Resume").click()
    reason = "the sweep is finished and has no more runs to start: the run cap is reached"
    expect(said(page)).to_have_text(f"Not done: {reason}.")
    expect(button(page, "Resume")).to_have_count(0)


def test_a_run_is_edited_stopped_and_deleted(context: BrowserContext, sweep: str) -> None:
    page, other = context.new_page(), context.new_page()
    page.goto("/local/p/runs/going")
    button(page, "Edit").press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill(f"new {EVIL}")
    page.get_by_label("Notes").fill("first\nsecond")
    page.get_by_label("Tags").fill("a, b")
    other.goto("/local/p/runs/going")
    button(other, "Edit").click()
    other.get_by_label("Notes").fill("other")
    page.bring_to_front()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("new <img")
    expect(page.locator("#controls")).to_contain_text("Tags: a, b")
    expect(button(page, "Edit")).to_be_focused()
    other.bring_to_front()
    other.get_by_role("button", name="Save").click()
    expect(said(other)).to_contain_text("Notes: was changed meanwhile to the text 'first\\nsecond'")
    expect(other.get_by_label("Notes")).to_have_value("other")
    other.keyboard.press("Escape")
    expect(other.get_by_label("Notes")).to_be_hidden()
    other.close()  # else it asks for the run that is deleted now
    page.bring_to_front()
    button(page, "Stop…").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop run").click()
    expect(said(page)).to_have_text("1 run asked to stop.")
    expect(button(page, "Stop…")).to_have_count(0)
    button(page, "Delete…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Metrics, console output and files are lost for good")
    page.get_by_role("dialog").get_by_role("button", name="Delete run").click()
    expect(page).to_have_url(f"{page.url.partition('/local')[0]}{sweep}")
    page.get_by_text("History of changes").click()
    expect(page.locator("#controls details li").first).to_contain_text("delete run going")


def test_several_runs_are_controlled(context: BrowserContext, sweep: str) -> None:
    page = context.new_page()
    page.goto("/local/p")
    for name in ("good", "going", "cut"):
        page.get_by_role("checkbox", name=f"Choose run {name}", exact=True).check()
    button(page, "Edit").click()
    page.get_by_label("Tags to add").fill("chosen")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".controls p[role=status]")).to_have_text("Saved.")
    button(page, "Stop…").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop run").click()
    status = page.locator(".controls p[role=status]")
    expect(status).to_contain_text("1 run asked to stop.")
    expect(status).to_contain_text("Run cut was not asked to stop: it has ended; it is stopped early.")
    button(page, "Delete…").click()
    expect(page.get_by_role("dialog", name="Delete 3 runs?")).to_contain_text("1 run is still running")
    page.get_by_role("dialog").get_by_role("button", name="Delete 3 runs").click()
    expect(status).to_have_text("3 runs deleted.")


ATTACK = """<script type="module">
const target = %s, results = [];
const kinds = [["application/json", "cors"], ["text/plain", "no-cors"], ["application/json", "no-cors"]];
for (const [type, mode] of kinds)
  await fetch(target, {method: "POST", mode, credentials: "include", headers: {"Content-Type": type},
    body: '{"confirmed": true}'}).then((answer) => results.push(answer.type), () => results.push("blocked"));
await fetch(%s, {credentials: "include"}).then((a) => a.text()).then(
  (text) => results.push(text), () => results.push("unreadable"));
document.title = results.join(" ");
</script>"""


def test_a_page_of_another_port_changes_and_reads_nothing(
    context: BrowserContext, servers: tuple[LiveServer, LiveServer], sweep: str
) -> None:
    url = servers[0].url
    html = ATTACK % (json.dumps(f"{url}/-/control{sweep}/cancel"), json.dumps(f"{url}{sweep}"))

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    evil = HTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    visitor = context.browser.new_context(storage_state=context.storage_state())  # type: ignore[union-attr]
    page = visitor.new_page()
    page.goto(f"http://127.0.0.1:{evil.server_port}/")
    expect(page).to_have_title("blocked opaque opaque unreadable")
    visitor.close()
    evil.shutdown()
    evil.server_close()
    query = (
        'query S($n: String!) { project(name: "p", entityName: "local") { sweep(sweepName: $n) { state } } }'
    )
    state = servers[0].graphql(query, n=sweep.rpartition("/")[2])["project"]["sweep"]["state"]
    assert state == "PENDING"


def test_two_servers_on_one_host_do_not_sign_each_other_out(
    context: BrowserContext, servers: tuple[LiveServer, LiveServer]
) -> None:
    """The second server has the first one's key, because its data folder is a copy."""
    first, second = servers
    assert first.key == second.key
    page = context.new_page()
    page.goto(second.url + login_link(Keyring(second.key)))
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    for server in servers:
        page.goto(server.url)
        expect(page).to_have_url(f"{server.url}/")
    page.goto(second.url)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(first.url)
    expect(page).to_have_url(f"{first.url}/")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
