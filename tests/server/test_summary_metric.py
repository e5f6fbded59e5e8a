"""The search uses a metric that is only in the summary of a run."""

import json
from typing import Any

import pytest
import yaml

from litsweep.search.controller import Controller
from litsweep.server.backend import Backend
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.monitor import Monitor
from litsweep.server.store import sweeps
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import RUN, RUNS, UPSERT_RUN, UPSERT_SWEEP
from tests.server.test_dispatch import HYPERBAND, RANDOM, Sweep

ACC = {"name": "acc", "goal": "maximize"}


def summarize(sweep: Sweep, run: str, **summary: Any) -> None:
    sweep.stream(run, files={"wandb-summary.json": {"offset": 0, "content": [json.dumps(summary)]}})


def edit(sweep: Sweep, run: str, **summary: Any) -> None:
    """Change the summary of a run as the public API does."""
    known = sweep.graphql(RUN, name=run)["data"]["project"]["run"]["id"]
    sweep.graphql(UPSERT_RUN, id=known, summaryMetrics=json.dumps(summary))


def best_loss(sweep: Sweep, backend: Backend) -> Any:
    Monitor(backend).run_once()
    return sweep.read["bestLoss"]


def best_run(sweep: Sweep, order: str = "-summary_metrics.acc", **more: Any) -> str:
    """Return the name of the run that the client's `Sweep.best_run()` gets."""
    filters = json.dumps({"$and": [{"sweep": sweep.name}]})
    found = sweep.graphql(RUNS, filters=filters, order=order, **{"first": 1, **more})["data"]["project"][
        "runs"
    ]
    return str(found["edges"][0]["node"]["name"])


@pytest.fixture
def sweep(graphql: GraphQL, stream: Stream) -> Sweep:
    return Sweep(graphql, stream, {**RANDOM, "metric": ACC})


def test_a_summary_is_news_at_any_time(sweep: Sweep, backend: Backend) -> None:
    run = sweep.start(sweep.agent())
    assert best_loss(sweep, backend) is None
    summarize(sweep, run, acc=0.3)  # without a history line
    assert best_loss(sweep, backend) == 0.3
    summarize(sweep, run, acc={"max": 0.5})
    assert best_loss(sweep, backend) == 0.5
    sweep.end(run)
    assert best_loss(sweep, backend) == 0.5
    edit(sweep, run, acc={"max": 0.9})
    assert best_loss(sweep, backend) == 0.9
    edit(sweep, run, acc=0.2)
    assert best_loss(sweep, backend) == 0.2


def test_an_edit_reaches_the_target_and_ends_the_sweep(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep = Sweep(graphql, stream, {**RANDOM, "metric": {**ACC, "target": 0.5}})
    run = sweep.start(sweep.agent())
    sweep.end(run)
    Monitor(backend).run_once()
    assert sweep.read["state"] == "RUNNING"
    edit(sweep, run, acc=0.6)
    Monitor(backend).run_once()
    assert sweep.read["state"] == "FINISHED"


def test_the_search_is_told_only_what_is_new(
    sweep: Sweep, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = sweep.agent()
    run = sweep.start(agent)
    summarize(sweep, run, acc=0.3, other=1)
    Monitor(backend).run_once()
    told: list[str] = []
    tell = Controller.tell

    def note(search: Controller, id: str, *args: Any, **more: Any) -> None:
        told.append(id)
        tell(search, id, *args, **more)

    monkeypatch.setattr(Controller, "tell", note)
    sweep.beat(agent, run)
    summarize(sweep, run, acc=0.3, other=2)
    Monitor(backend).run_once()
    assert told == []
    summarize(sweep, run, acc=0.4, other=2)
    Monitor(backend).run_once()
    assert told == [run]


def test_a_restart_knows_the_same(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    """After a restart the model suggests the same. The metric is only in the summaries."""

    def advance(restart: bool) -> list[float]:
        config = {**RANDOM, "method": "bayes", "metric": ACC, "litsweep": {"seed": 3, "transfer": "off"}}
        sweep = Sweep(graphql, stream, config)
        agent, values = sweep.agent(), []
        for i in range(7):
            if restart:
                backend.searches.rebuild(int(sweep.id))
            (command,) = sweep.beat(agent)
            run, x = command["run_id"], command["args"]["a"]["value"]
            sweep.begin(run, command["args"])
            summarize(sweep, run, acc={"max": x * (1 - x)} if i % 2 else x * (1 - x))
            sweep.end(run)
            values.append(x)
        return values

    assert advance(restart=True) == advance(restart=False)


def test_early_termination_counts_logged_values(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep = Sweep(graphql, stream, HYPERBAND)
    runs = [sweep.start(sweep.agent()) for _ in range(4)]
    for rank, run in enumerate(runs):
        sweep.log(run, 0, *[1.0 + rank] * (1 if rank == 3 else 2))
        summarize(sweep, run, loss=1.0 + rank)
    Monitor(backend).run_once()
    assert sweep.stream(runs[3])["stopped"] is False
    sweep.log(runs[3], 1, 4.0)
    Monitor(backend).run_once()
    assert sweep.stream(runs[3])["stopped"] is True


def test_a_prior_run_teaches_by_its_summary(
    sweep: Sweep, graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    run = sweep.start(sweep.agent())
    summarize(sweep, run, acc=0.9)
    sweep.end(run)
    prior = json.dumps({"$or": [{"name": run}]})
    second = Sweep(graphql, stream, {**RANDOM, "metric": ACC}, priorRunsFilters=prior)
    second.start(second.agent())
    with backend.database.read() as connection:
        record = sweeps.get(connection, int(second.id))
        assert record is not None
        live = LiveSweep(record)
        live.refresh(connection)
    known = live._controller.runs[0]
    assert known.id == run and known.summary == {"acc": 0.9}


def test_best_run_is_what_the_search_takes_for_the_best(sweep: Sweep) -> None:
    agents = [sweep.agent() for _ in range(3)]
    high, low, failed = (sweep.start(agent) for agent in agents)
    for run, values in ((high, [0.9, 0.1]), (low, [0.5, 0.5]), (failed, [0.95, 0.95])):
        rows = [json.dumps({"_step": step, "acc": value}) for step, value in enumerate(values)]
        sweep.stream(run, files={"wandb-history.jsonl": {"offset": 0, "content": rows}})
        summarize(sweep, run, acc=values[-1])
        sweep.end(run, exitcode=int(run == failed))
    assert best_run(sweep) == high
    assert best_run(sweep, after="1") == failed  # the second page is in the order of the summaries
    assert best_run(sweep, order="+summary_metrics.acc") == high
    assert best_run(sweep, first=50) == failed  # a list is in the order of the summaries
    edit(sweep, low, acc=1.5)
    assert best_run(sweep) == low


def test_a_sweep_without_results_has_some_run(sweep: Sweep, graphql: GraphQL, stream: Stream) -> None:
    run = sweep.start(sweep.agent())
    assert best_run(sweep) == run
    config = {key: value for key, value in RANDOM.items() if key != "metric"}
    nothing = graphql(UPSERT_SWEEP, config=yaml.dump(config))["data"]["upsertSweep"]["sweep"]["name"]
    filters = json.dumps({"$and": [{"sweep": nothing}]})
    found = graphql(RUNS, filters=filters, order="-summary_metrics.acc", first=1)["data"]["project"]
    assert found["runs"]["edges"] == []


def test_the_page_says_what_a_summary_has_instead_of_the_metric(sweep: Sweep, backend: Backend) -> None:
    run = sweep.start(sweep.agent())
    summarize(sweep, run, accuracy=0.9, val={"f1": 1}, acc="NaN", _runtime=3, note="text")
    sweep.end(run)
    Monitor(backend).run_once()
    with backend.database.read() as connection:
        record = sweeps.get(connection, int(sweep.id))
    assert record is not None
    said = "1 finished run logged no finite acc (the last was nan), only accuracy, val.f1"
    assert json.loads(record.warnings) == [said]
