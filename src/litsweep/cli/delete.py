"""`litsweep delete`: a sweep or a project of the embedded backend, with everything in it."""

import argparse
import contextlib
import sys
from collections.abc import Mapping
from typing import Any

from litsweep.cli.options import add_data_dir, sweep_path
from litsweep.cli.server_address import is_embedded, use_server
from litsweep.errors import LitsweepError, count
from litsweep.launch.credentials import credentials
from litsweep.launch.directory import Directory, full_path
from litsweep.launch.protocol import NoSweepError, SweepGoneError, SweepPath

DELETE_SECONDS = 3600
"""Seconds in which the server must have deleted everything."""

_PROJECT = """query Project($entity: String, $project: String) {
  project(name: $project, entityName: $entity) { id totalSweeps runCount(filters: "{}") } }"""
_SWEEP = """query Sweep($entity: String, $project: String, $sweep: String!) {
  project(name: $project, entityName: $entity) { sweep(sweepName: $sweep) { id state runCount } } }"""
_DELETE_PROJECT = "mutation Delete($id: ID!) { deleteModel(input: {id: $id}) { success } }"
_DELETE_SWEEP = "mutation Delete($id: ID!) { deleteSweep(input: {id: $id}) { success } }"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "target",
        type=sweep_path,
        metavar="SWEEP|ENTITY/PROJECT",
        help="a sweep's path, or its ID if that is unique; or a project",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_data_dir(parser)
    parser.set_defaults(execute=execute)


class _Server(Directory):
    """The embedded backend, with time for long deletions."""

    def __init__(self, base_url: str, api_key: str) -> None:
        super().__init__(base_url, api_key)
        self._http.timeout = DELETE_SECONDS

    def require_embedded(self) -> None:
        """Raise LitsweepError unless this is litsweep's own server."""
        if not is_embedded(self._http, self.base_url):
            raise LitsweepError(f"{self.base_url} is not an embedded backend: delete on its web page")

    def project(self, entity: str, name: str) -> Mapping[str, Any] | None:
        """Return the id, and the numbers of sweeps and runs, of a project."""
        found: Mapping[str, Any] | None = self._call(_PROJECT, entity=entity, project=name)["project"]
        return found

    def sweep(self, path: SweepPath) -> Mapping[str, Any] | None:
        """Return the id, the state and the number of runs of a sweep."""
        home = self._call(_SWEEP, entity=path.entity, project=path.project, sweep=path.id)["project"]
        found: Mapping[str, Any] | None = home and home["sweep"]
        return found

    def delete(self, mutation: str, id: str) -> None:
        """Execute one of the mutations."""
        self._call(mutation, id=id)


def execute(args: argparse.Namespace) -> int:
    """Delete a sweep or a project after a confirmation. Return 0 only if it is deleted."""
    use_server(args.data_dir.expanduser(), args.until_end, args.target)
    found = credentials()
    server = _Server(found["WANDB_BASE_URL"], found["WANDB_API_KEY"])
    server.require_embedded()
    what, mutation, id = _target(server, args.target)
    if not (args.yes or _confirms(what)):
        print("Nothing was deleted.", file=sys.stderr)
        return 1
    try:
        server.delete(mutation, id)
    except SweepGoneError:
        raise LitsweepError(f"{args.target} has just been deleted by another client") from None
    print(f"Deleted {what}")
    return 0


def _target(server: _Server, target: str) -> tuple[str, str, str]:
    """Return a description of what will be deleted, the mutation, and the id.

    Two parts are ENTITY/PROJECT if there is such a project, else PROJECT/ID of a sweep.
    """
    entity, _, name = target.partition("/")
    has_two_parts = target.count("/") == 1
    project = server.project(entity, name) if has_two_parts else None
    if project is None:
        return _sweep(server, target)
    if server.find(SweepPath.parse(target, {})):
        raise LitsweepError(f"{target} is a project and a sweep: write the sweep as ENTITY/PROJECT/ID")
    numbers = f"{count(project['totalSweeps'], 'sweep')}, {count(project['runCount'], 'run')}"
    return f"project {target} with {numbers}, their files and artifacts", _DELETE_PROJECT, project["id"]


def _sweep(server: _Server, target: str) -> tuple[str, str, str]:
    """Return the description, mutation and id for a sweep."""
    sweep = None
    with contextlib.suppress(NoSweepError):
        path = full_path(target)
        sweep = server.sweep(SweepPath.parse(path, {}))
    if sweep is None:
        kind = "sweep or project" if target.count("/") == 1 else "sweep"
        fix = "`litsweep status` lists the sweeps"
        raise LitsweepError(f"there is no {kind} {target} on {server.base_url}: {fix}")
    runs = f"({sweep['state'].lower()}) with {count(sweep['runCount'], 'run')}, their files and artifacts"
    return f"sweep {path} {runs}", _DELETE_SWEEP, sweep["id"]


def _confirms(what: str) -> bool:
    """Ask the user. Raise LitsweepError if there is nobody to ask."""
    if not sys.stdin.isatty():
        raise LitsweepError(f"this deletes {what}: add --yes to confirm it")
    with contextlib.suppress(EOFError):
        return input(f"Delete {what}? This cannot be undone. [y/N] ").strip().lower() in ("y", "yes")
    return False
