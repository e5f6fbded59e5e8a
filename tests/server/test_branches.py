"""Rewound and forked runs, started with the same operations as wandb-core's."""

import json
from typing import Any

import pytest

from litsweep.figures.run_charts import Look
from litsweep.server.backend import Backend
from litsweep.server.dashboard.run_charts_view import Choice, metric_figures
from litsweep.server.dashboard.run_history import RunLines
from litsweep.server.monitor import Monitor
from litsweep.server.store import runs
from litsweep.server.store.lines import HISTORY
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import DELETE_RUN, RUN, UPSERT_RUN, UPSERT_SWEEP
from tests.server.test_dispatch import GRID, Sweep

REWIND = """
mutation RewindRun($run: String!, $entity: String, $metric: String!, $value: Float!) {
  rewindRun(input: {runName: $run, entityName: $entity, projectName: "p", metricName: $metric,
      metricValue: $value}) {
    rewoundRun { id name displayName config sweepName project { name entity { name } } historyLineCount }
  }
}"""


class Runs:
    """Runs of one project, and operations on them."""

    def __init__(self, graphql: GraphQL, stream: Stream) -> None:
        self.graphql = graphql
        self.stream = stream

    def begin(self, name: str, config: Any = None, fork: tuple[str, float] | None = None) -> dict[str, Any]:
        point = {"branch_point": {"run_id": fork[0], "step": fork[1]}} if fork else {}
        wire = {
            "_wandb": {"value": point},
            **{key: {"value": value} for key, value in (config or {}).items()},
        }
        names = {"name": name, "project": "p", "entity": "local"}
        return self.graphql(UPSERT_RUN, **names, config=json.dumps(wire))

    def log(self, name: str, offset: int, *rows: tuple[int, float], **more: Any) -> None:
        content = [json.dumps({"_step": step, "loss": loss}) for step, loss in rows]
        files = {"wandb-history.jsonl": {"offset": offset, "content": content}}
        if rows:
            files["wandb-summary.json"] = {
                "offset": 0,
                "content": [json.dumps({"loss": rows[-1][1], **more})],
            }
        assert self.stream(name, files=files)["status"] == 200

    def end(self, name: str, exitcode: int = 0) -> None:
        self.stream(name, complete=True, exitcode=exitcode)

    def rewind(self, name: str, step: float, metric: str = "_step") -> dict[str, Any]:
        return self.graphql(REWIND, run=name, metric=metric, value=step)

    def read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.graphql(RUN, name=name)["data"]["project"]["run"]
        return found

    def rows(self, name: str) -> list[tuple[int, float]]:
        rows = (json.loads(row) for row in self.read(name)["history"])
        return [(row["_step"], row["loss"]) for row in rows]


def line_count(upserted: dict[str, Any]) -> int:
    count: int = upserted["data"]["upsertBucket"]["bucket"]["historyLineCount"]
    return count


@pytest.fixture
def project(graphql: GraphQL, stream: Stream) -> Runs:
    """Return a project with a run `a` that has the steps 0, 1, 5 and 9."""
    made = Runs(graphql, stream)
    made.begin("a", {"lr": 1})
    made.log("a", 0, (0, 0.0), (1, 1.0), (5, 5.0), (9, 9.0))
    made.end("a")
    return made


def test_the_client_is_told_where_to_go_on(project: Runs) -> None:
    rewound = project.rewind("a", 5.0)["data"]["rewindRun"]["rewoundRun"]
    assert (rewound["historyLineCount"], json.loads(rewound["config"])["lr"]) == (3, {"value": 1})
    assert project.read("a")["state"] == "running"
    assert line_count(project.begin("b", fork=("a", 3))) == 2
    assert line_count(project.begin("a")) == 3


def test_a_run_started_anew_begins_at_line_0_unless_others_write_it_too(project: Runs) -> None:
    assert line_count(project.begin("a")) == 0
    shared = {"name": "shared", "project": "p", "entity": "local"}
    config = json.dumps({"_wandb": {"value": {"t": {"3": [14, 67]}}}})
    for lines in (0, 2):
        assert line_count(project.graphql(UPSERT_RUN, **shared, config=config)) == lines
        project.log("shared", lines, (0, lines), (1, lines))
        project.end("shared")
    assert project.rows("shared") == [(0, 0), (1, 0), (0, 2), (1, 2)]
    query = """query ($specs: [JSONString!]) { project(name: "p", entityName: "local") { run(name: "shared") {
        history(minStep: 0, maxStep: 2, samples: 2) sampledHistory(specs: $specs) } } }"""
    specs = [json.dumps({"keys": ["loss"], "minStep": 0, "maxStep": 1, "samples": 2})]
    read = project.graphql(query, specs=specs)["data"]["project"]["run"]
    assert [json.loads(row)["loss"] for row in read["history"]] == [0, 2, 0, 2]
    assert [row["loss"] for row in read["sampledHistory"][0]] == [0, 0, 2, 2]


def test_rows_count_by_their_steps(project: Runs) -> None:
    """Several processes of one run send their rows out of order."""
    project.begin("shared")
    project.log("shared", 0, (0, 0.0), (8, 8.0), (1, 1.0), (9, 9.0), (2, 2.0))
    project.begin("b", fork=("shared", 2))
    assert project.rows("b") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert project.rewind("shared", 1)["data"]["rewindRun"]["rewoundRun"]["historyLineCount"] == 2
    assert project.rows("shared") == [(0, 0.0), (1, 1.0)]


def test_a_chunk_sent_again_after_a_branch_changes_nothing(project: Runs) -> None:
    project.rewind("a", 1)
    project.begin("b", fork=("a", 0))
    for _ in range(2):
        project.log("a", 2, (2, 20.0))
        project.log("b", 1, (1, 10.0))
    assert project.rows("a") == [(0, 0.0), (1, 1.0), (2, 20.0)]
    assert project.rows("b") == [(0, 0.0), (1, 10.0)]


@pytest.mark.parametrize("state", ["running", "crashed"])
def test_a_fork_that_tells_more_of_itself_loses_nothing(project: Runs, backend: Backend, state: str) -> None:
    """The parent run was deleted, and in one case the fork counted as crashed meanwhile."""
    project.begin("b", fork=("a", 1))
    project.log("b", 2, (2, 2.5), other=3)
    project.graphql(DELETE_RUN, id=project.read("a")["id"])
    with backend.database.write() as connection:
        runs.change_state(connection, [int(project.read("b")["id"])], {"state": state})
    project.begin("b", {"more": 1}, fork=("a", 1))
    project.log("b", 3, (3, 3.5))
    assert project.rows("b") == [(0, 0.0), (1, 1.0), (2, 2.5), (3, 3.5)]
    config = json.loads(project.read("b")["config"])
    assert (config["lr"], config["more"]) == ({"value": 1}, {"value": 1})
    assert json.loads(project.read("b")["summaryMetrics"]) == {"_step": 1, "loss": 3.5, "other": 3}


def test_a_fork_started_anew_begins_at_its_branch_point(project: Runs) -> None:
    project.begin("b", fork=("a", 1))
    project.log("b", 2, (2, 2.5), (3, 3.5), worse=1)
    project.end("b", 1)
    assert line_count(project.begin("b", fork=("a", 1))) == 2
    project.log("b", 2, (2, 2.7))
    assert project.rows("b") == [(0, 0.0), (1, 1.0), (2, 2.7)]
    assert json.loads(project.read("b")["summaryMetrics"]) == {"_step": 1, "loss": 2.7}
    assert project.read("b")["historyKeys"]["lastStep"] == 2
    project.end("b")
    assert line_count(project.begin("b", fork=("a", 5))) == 3
    assert project.rows("b") == [(0, 0.0), (1, 1.0), (5, 5.0)]


def test_the_history_keys_are_those_of_the_rows_left(project: Runs) -> None:
    project.rewind("a", 5)
    keys = project.read("a")["historyKeys"]
    assert keys["lastStep"] == 5
    assert keys["keys"]["loss"]["typeCounts"] == [{"type": "number", "count": 3}]


@pytest.mark.parametrize(
    ("step", "metric", "message"),
    [
        (10, "_step", "run a cannot be rewound at step 10: its last step is 9"),
        (-1, "_step", "run a cannot be rewound at step -1"),
        (3, "epoch", "not to a epoch"),
    ],
)
def test_a_run_is_not_rewound_to_an_unknown_step(project: Runs, step: int, metric: str, message: str) -> None:
    before = project.read("a")
    assert message in project.rewind("a", step, metric)["errors"][0]["message"]
    assert project.read("a") == before


@pytest.mark.parametrize("point", [("a", 10), ("a", -1), ("nobody", 0), ("empty", 0)])
def test_a_fork_of_an_unknown_run_is_refused(project: Runs, point: tuple[str, int]) -> None:
    project.begin("empty")
    assert point[0] in project.begin("b", fork=point)["errors"][0]["message"]
    assert project.read("b") is None


@pytest.mark.parametrize(
    "odd",
    [3, [], {"branch_point": 1, "m": 2}, {"branch_point": {"run_id": 1, "step": "x"}, "m": [1, {"7": 2}]}],
)
def test_a_config_with_odd_internals_breaks_nothing(project: Runs, graphql: GraphQL, odd: Any) -> None:
    names = {"name": "odd", "project": "p", "entity": "local"}
    graphql(UPSERT_RUN, **names, config=json.dumps({"_wandb": {"value": odd}}))
    project.log("odd", 0, (0, 1.0), (1, 2.0))
    project.begin("fork of odd", fork=("odd", 0))
    project.log("fork of odd", 1, (1, 3.0))
    assert project.rows("fork of odd") == [(0, 1.0), (1, 3.0)]


def test_a_branch_point_written_by_hand_breaks_nothing(project: Runs, graphql: GraphQL) -> None:
    wire = {"_wandb": {"value": {"branch_point": {"run_id": "x", "step": 1e300}}}}
    graphql(UPSERT_RUN, id=project.read("a")["id"], config=json.dumps(wire))
    again = graphql(UPSERT_RUN, name="a", project="p", entity="local")
    assert "errors" not in again and line_count(again) == 4


def test_the_page_shows_inherited_rows(project: Runs, backend: Backend) -> None:
    project.begin("b", fork=("a", 5))
    project.log("b", 3, (6, 6.5))
    with backend.database.read() as connection:
        record = runs.get(connection, int(project.read("b")["id"]))
        assert record is not None
        logged = RunLines(HISTORY).get(connection, record)
    shown = metric_figures(record, logged, ["loss"], Choice("step", Look()), since=0, end=0)
    (trace,) = shown["figures"]["loss"]["data"]
    assert (trace["x"], trace["y"]) == ([0, 1, 5, 6], [0.0, 1.0, 5.0, 6.5])


def test_the_search_follows_the_rows(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep, project, watch = Sweep(graphql, stream, GRID), Runs(graphql, stream), Monitor(backend)
    first = sweep.start(sweep.agent())
    sweep.log(first, 0, 0.5, 0.4, 0.1)
    sweep.end(first)
    watch.run_once()
    assert sweep.read["bestLoss"] == 0.1
    project.rewind(first, 1)
    watch.run_once()
    assert sweep.read["bestLoss"] == 0.4
    sweep.log(first, 2, 0.45, 0.3)
    watch.run_once()
    assert sweep.read["bestLoss"] == 0.3
    (command,) = sweep.beat(sweep.agent())
    point = {"branch_point": {"run_id": first, "step": 3}}
    config = json.dumps({**command["args"], "_wandb": {"value": point}})
    fork = {"name": command["run_id"], "project": "p", "entity": "local", "sweep": sweep.name}
    graphql(UPSERT_RUN, **fork, config=config)
    graphql(DELETE_RUN, id=project.read(first)["id"])
    watch.run_once()
    assert sweep.read["bestLoss"] == 0.3


def test_a_sweep_that_is_over_takes_a_rewound_run(graphql: GraphQL, stream: Stream) -> None:
    sweep, project = Sweep(graphql, stream, GRID), Runs(graphql, stream)
    run = sweep.start(sweep.agent())
    sweep.log(run, 0, 0.5)
    sweep.end(run)
    graphql(UPSERT_SWEEP, id=sweep.id, state="FINISHED")
    project.rewind(run, 0)
    sweep.log(run, 1, 0.2)
    sweep.end(run)
    assert sweep.states == {run: "finished"} and sweep.read["state"] == "FINISHED"
