"""The sweeps of a server: a list of all, and the full path of one."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from litsweep.errors import ConfigError, LitsweepError
from litsweep.launch.credentials import credentials
from litsweep.launch.protocol import GraphqlApi, SweepPath, UnreachableError, no_sweep
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import ENDED_BY_SEARCH, count_words, in_order, state_word

_ENTITIES = "query Entities { viewer { entity teams { edges { node { name } } } } }"
_PROJECTS = """query Projects($entity: String, $after: String) {
  models(entityName: $entity, first: 100, after: $after) {
    edges { node { name } } pageInfo { hasNextPage endCursor } } }"""
_FIND = """query Find($entity: String, $after: String, $sweep: String!) {
  models(entityName: $entity, first: 100, after: $after) {
    edges { node { name sweep(sweepName: $sweep) { name } } } pageInfo { hasNextPage endCursor } } }"""
_FIND_IN_PROJECT = """query FindInProject($entity: String, $project: String, $sweep: String!) {
  project(name: $project, entityName: $entity) { name entityName sweep(sweepName: $sweep) { name } } }"""
_SWEEPS = """query Sweeps($entity: String, $project: String, $after: String) {
  project(name: $project, entityName: $entity) {
    sweeps(first: 100, after: $after) {
      edges { node { name displayName state config bestLoss createdAt %s } }
      pageInfo { hasNextPage endCursor } } } }"""

_ON_THE_EMBEDDED_BACKEND = "runStates"
_ON_ANY_SERVER = "runs { edges { node { state stopped failed } } }"


@dataclass(frozen=True)
class SweepEntry:
    """One sweep of a list. `runs` counts its runs by the word for their state.

    `best` is the best value of `metric` so far. `created_at` is in seconds since 1970.
    """

    path: str
    name: str | None
    state: str
    method: str | None
    metric: str | None
    best: float | None
    runs: Counter[str]
    created_at: float


class Directory(GraphqlApi):
    """The sweeps of a server, in all entities of the user."""

    def sweeps(self) -> list[SweepEntry]:
        """Return the sweeps of all projects, the newest first."""
        try:
            found = self._sweeps(_ON_THE_EMBEDDED_BACKEND)
        except UnreachableError as error:
            if not error.is_answer:
                raise
            found = self._sweeps(_ON_ANY_SERVER)
        return sorted(found, key=lambda sweep: sweep.created_at, reverse=True)

    def _sweeps(self, fields: str) -> list[SweepEntry]:
        query = _SWEEPS % fields
        return [
            _entry(entity, project["name"], node)
            for entity in self.entities()
            for project in self._pages(_PROJECTS, ("models",), entity=entity)
            for node in self._pages(query, ("project", "sweeps"), entity=entity, project=project["name"])
        ]

    def find(self, path: SweepPath) -> list[str]:
        """Return the full paths of all sweeps that match `path`, which may lack entity and project."""
        entities = [path.entity] if path.entity else self.entities()
        if path.project:
            return [found for entity in entities for found in self._in_project(entity, path.project, path.id)]
        return [
            f"{entity}/{node['name']}/{path.id}"
            for entity in entities
            for node in self._pages(_FIND, ("models",), entity=entity, sweep=path.id)
            if node["sweep"]
        ]

    def entities(self) -> list[str]:
        """Return the user's own entity and those of their teams."""
        viewer = self._call(_ENTITIES).get("viewer") or {}
        teams = [edge["node"]["name"] for edge in (viewer.get("teams") or {}).get("edges", ())]
        return list(dict.fromkeys([viewer["entity"]] * bool(viewer.get("entity")) + teams))

    def _in_project(self, entity: str, project: str, sweep: str) -> list[str]:
        answer = self._call(_FIND_IN_PROJECT, entity=entity, project=project, sweep=sweep)
        home = answer.get("project") or {}
        return [f"{home['entityName']}/{home['name']}/{sweep}"] if home.get("sweep") else []

    def _pages(self, query: str, keys: Sequence[str], **variables: str) -> Iterator[Mapping[str, Any]]:
        """Yield the nodes of a connection from all its pages. `keys` lead to it in the answer."""
        after: str | None = None
        while True:
            connection: Any = self._call(query, after=after, **variables)
            for key in keys:
                connection = (connection or {}).get(key)
            if not connection:
                return
            yield from (edge["node"] for edge in connection["edges"])
            if not connection["pageInfo"]["hasNextPage"]:
                return
            after = connection["pageInfo"]["endCursor"]


def directory(environ: Mapping[str, str] = os.environ) -> Directory:
    """Return the directory of the server that `environ` names. Raises LitsweepError without a key."""
    found = credentials(environ)
    return Directory(found["WANDB_BASE_URL"], found["WANDB_API_KEY"])


def full_path(sweep: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return ENTITY/PROJECT/ID of a sweep given in this form, or as PROJECT/ID or ID if that is unique.

    WANDB_ENTITY and WANDB_PROJECT decide between several. Raises LitsweepError if none or several match.
    """
    path = SweepPath.parse(sweep, {})
    if path.entity:
        return str(path)
    server = directory(environ)
    preferred = SweepPath.parse(sweep, environ)
    found = server.find(preferred) if preferred != path else []
    found = found if len(found) == 1 else server.find(path)
    if len(found) == 1:
        return found[0]
    if not found:
        raise no_sweep(sweep, server.base_url)
    raise LitsweepError(f"sweep {sweep}: {len(found)} sweeps have that id; write one of {', '.join(found)}")


def _entry(entity: str, project: str, node: Mapping[str, Any]) -> SweepEntry:
    config = None  # for a sweep that this version cannot read
    with contextlib.suppress(ConfigError):
        config = parse_sweep(node["config"])
    metric = config.metric if config else None
    return SweepEntry(
        path=f"{entity}/{project}/{node['name']}",
        name=node["displayName"] or (config.name if config else None),
        state=node["state"].lower(),
        method=str(config.method) if config else None,
        metric=metric.name if metric else None,
        best=node["bestLoss"],
        runs=_counts(node),
        created_at=datetime.fromisoformat(node["createdAt"]).replace(tzinfo=UTC).timestamp(),
    )


def _counts(node: Mapping[str, Any]) -> Counter[str]:
    if "runStates" in node:
        return in_order(node["runStates"])
    return count_words(_word(edge["node"]) for edge in node["runs"]["edges"])


def _word(run: Mapping[str, Any]) -> str:
    if run["state"] not in tuple(RunState):
        return str(run["state"])
    stopped_early = run["state"] in ENDED_BY_SEARCH and bool(run["stopped"])
    return state_word(RunState(run["state"]), stopped_early, run["failed"])
