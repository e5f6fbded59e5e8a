"""Screenshots of every page in light and dark, from simulated sweeps: `make screenshots`."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from litsweep.server.auth import Keyring
from litsweep.server.backend import Backend
from litsweep.server.dashboard.login import login_link
from litsweep.server.settings import Settings
from tests.live_server import LiveServer
from tests.server.dashboard.demo_sweep import fill_demo
from tests.server.dashboard.test_browser import CHROMIUM

FOLDER = Path(__file__).parents[3] / "docs/images"
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WINDOW: ViewportSize = {"width": 1280, "height": 900}
SETTLED_MS = 4_000
"""Long enough for the charts of a page, also for those that a model makes."""
LARGEST = 150_000


def main() -> int:
    """Write the files. Return 1 if one is too large."""
    with tempfile.TemporaryDirectory() as folder:
        server, pages = _served(Path(folder) / "server")
        try:
            with sync_playwright() as driver:
                arguments = ["--no-sandbox", "--disable-gpu"]
                browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
                written = [path for each in SCHEMES for path in _shots(browser, server, pages, each)]
        finally:
            server.stop()
    large = [path.name for path in written if path.stat().st_size > LARGEST]
    print(f"{len(written)} files in {FOLDER}", *(f"too large: {name}" for name in large), sep="\n")
    return 1 if large else 0


def _served(data_dir: Path) -> tuple[LiveServer, Mapping[str, str]]:
    """Return a running server, and the addresses of the pages by the name of their screenshot."""
    server = LiveServer(data_dir)
    backend = Backend.open(Settings(data_dir))
    with backend.database.write() as connection:
        sweep = fill_demo(connection, backend)
        other = fill_demo(connection, backend, name="random search", method="random", count=40)
        names = "SELECT name FROM runs WHERE state = 'finished' AND stopped_by IS NULL LIMIT 4"
        runs = [name for (name,) in connection.exec_driver_sql(names)]
    backend.close()
    server.start()
    project = sweep.rpartition("/sweeps/")[0]
    sweeps = ",".join(path.rpartition("/")[2] for path in (sweep, other))
    return server, {
        "projects": "/",
        "project": project,
        "sweep": sweep,
        "sweep-filtered": f"{sweep}?filter=config.learning_rate+<+0.01+and+width+>+16#chart-parallel",
        "sweep-importance": f"{sweep}#chart-importance",
        "sweep-runs": f"{sweep}#runs-title",
        "sweep-timeline": f"{sweep}#chart-timeline",
        "run": f"{project}/runs/{runs[0]}",
        "compare-runs": f"{project}/compare?runs={','.join(runs)}",
        "compare-sweeps": f"{project}/compare?sweeps={sweeps}",
    }


def _shots(browser: Browser, server: LiveServer, pages: Mapping[str, str], scheme: Scheme) -> list[Path]:
    context = browser.new_context(base_url=server.url, viewport=WINDOW, color_scheme=scheme)
    page = context.new_page()
    page.goto("/login")
    written = [_write(page, f"login-{scheme}")]
    page.goto(login_link(Keyring(server.key)))
    for name, address in pages.items():
        written.append(_shot(page, f"{name}-{scheme}", address))
    context.close()
    return written


def _shot(page: Page, name: str, address: str) -> Path:
    path, _, place = address.partition("#")
    page.goto("about:blank")
    page.goto(path)
    page.wait_for_timeout(SETTLED_MS)
    if place:
        # Cards load when they come into view, which moves those below.
        for _ in range(3):
            page.evaluate("id => document.getElementById(id)?.scrollIntoView()", place)
            page.wait_for_timeout(SETTLED_MS // 2)
    return _write(page, name)


def _write(page: Page, name: str) -> Path:
    """Write a screenshot in 256 colours, which makes the file a third as large."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


if __name__ == "__main__":
    sys.exit(main())
