"""`litsweep open`: a new login link to a page of the embedded backend."""

import argparse
import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from litsweep.cli.local_server import ServerAddress, running_server
from litsweep.cli.options import add_data_dir, page_path
from litsweep.cli.server_address import is_embedded, use_server
from litsweep.errors import LitsweepError
from litsweep.launch.credentials import credentials
from litsweep.launch.directory import Directory

_FIND = """query Find($entity: String, $project: String, $id: String!) {
  project(name: $project, entityName: $entity) {
    name entityName sweep(sweepName: $id) { name } run(name: $id) { name } } }"""
_FIND_ANYWHERE = """query FindAnywhere($entity: String, $after: String, $id: String!) {
  models(entityName: $entity, first: 100, after: $after) {
    edges { node { name entityName sweep(sweepName: $id) { name } run(name: $id) { name } } }
    pageInfo { hasNextPage endCursor } } }"""
_KINDS = ("sweeps", "runs")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "page",
        nargs="?",
        type=page_path,
        metavar="SWEEP",
        help="a sweep, a run or a project: ENTITY/PROJECT/ID, ENTITY/PROJECT, or an ID that is unique "
        "(default: the home page)",
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the link")
    add_data_dir(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Print the link, and open another one in the browser. Raises LitsweepError without a server."""
    server = _server(args.data_dir.expanduser())
    pages = _Pages(server.url, server.api_key)
    pages.require_embedded()
    path = pages.path(args.page) if args.page else "/"
    print(server.page(path))
    sys.stdout.flush()
    if not args.no_browser and _has_browser():
        webbrowser.open(server.page(path))  # a link works once, so the printed one stays valid
    return 0


def _server(data_dir: Path) -> ServerAddress:
    """Return the server that the environment names, or the one of the data folder."""
    if os.environ.get("WANDB_BASE_URL"):
        use_server(data_dir)
        found = credentials()
        return ServerAddress(found["WANDB_BASE_URL"].rstrip("/"), found["WANDB_API_KEY"])
    running = running_server(data_dir)
    if running is None:
        raise LitsweepError(f"no server is running on {data_dir}; start one with `litsweep serve`")
    return running


def _has_browser() -> bool:
    """Return True if a link can be shown in a window: on a desktop, or by $BROWSER."""
    is_desktop = sys.platform in ("darwin", "win32")
    return is_desktop or any(map(os.environ.get, ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")))


class _Pages(Directory):
    """The pages of the embedded backend."""

    def require_embedded(self) -> None:
        """Raise LitsweepError unless this is an embedded backend that accepts the key."""
        if not is_embedded(self._http, self.base_url):
            raise LitsweepError(f"{self.base_url} is not an embedded backend: sign in on its own web page")
        self.entities()

    def path(self, text: str) -> str:
        """Return the path of a page. Raise LitsweepError if none or several pages match."""
        parts = [part for part in text.strip("/").split("/") if part]
        kinds = set(_KINDS)
        if len(parts) == 4 and parts[2] in _KINDS:  # as in the address of a page
            kinds, parts = {parts[2]}, [*parts[:2], parts[3]]
        found = sorted({path for path in self._found(parts) if len(path) == 2 or path[2] in kinds})
        if len(found) == 1:
            return "/" + "/".join(quote(part, safe="") for part in found[0])
        if found:
            paths = ", ".join("/".join(path) for path in found)
            raise LitsweepError(f"{text}: {len(found)} pages match; write one of {paths}")
        fix = "write ENTITY/PROJECT/ID; `litsweep status` lists the sweeps"
        raise LitsweepError(f"{self.base_url} has no sweep, run or project {text}: {fix}")

    def _found(self, parts: list[str]) -> list[tuple[str, ...]]:
        match parts:
            case [id]:
                entities = self.entities()
                nodes = [
                    node
                    for entity in entities
                    for node in self._pages(_FIND_ANYWHERE, ("models",), entity=entity, id=id)
                ]
                return [page for node in nodes for page in _pages_of(node)]
            case [first, second]:
                project = self._call(_FIND, entity=first, project=second, id="")["project"]
                own = [(first, second)] if project else []
                return own + [page for each in self.entities() for page in self._in(each, first, second)]
            case [entity, name, id]:
                return self._in(entity, name, id)
        return []

    def _in(self, entity: str, project: str, id: str) -> list[tuple[str, ...]]:
        node = self._call(_FIND, entity=entity, project=project, id=id)["project"]
        return _pages_of(node) if node else []


def _pages_of(node: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the pages of the sweep and of the run that a project has with an id."""
    home = (node["entityName"], node["name"])
    found = zip(_KINDS, (node["sweep"], node["run"]), strict=True)
    return [(*home, kind, record["name"]) for kind, record in found if record]
