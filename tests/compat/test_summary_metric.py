"""A sweep's metric in the summary of its runs, however the stock client puts it there."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compat.stock import python
from tests.live_server import LiveServer

AGENT = """
import base64, io, json, os, sqlite3, urllib.request
from contextlib import redirect_stdout
import wandb
from litsweep.cli import main
from litsweep.launch.watch import SweepWatch
from wandb.agents import pyagent
pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0.3

def request(path, body=None):
    asked = urllib.request.Request(os.environ["WANDB_BASE_URL"] + path, body and json.dumps(body).encode())
    secret = base64.b64encode(f"api:{os.environ['WANDB_API_KEY']}".encode()).decode()
    asked.add_header("Authorization", f"Basic {secret}")
    return json.load(urllib.request.urlopen(asked))

def best(sweep):
    "The run that `litsweep best` names, and its value; what it says instead where there is none."
    with redirect_stdout(io.StringIO()) as said:
        code = main(["best", f"local/p/{sweep}", "--json", "best.json"])
    found = json.load(open("best.json"))["best"]
    return [found["parameters"]["x"], found["best"], found["last"]] if code == 0 else said.getvalue()
"""

SWEEP = """
def train():
    with wandb.init() as run:
        x = run.config.x
        for how in ("max", "mean", "first", "last", "none"):
            run.define_metric(f"by_{how}", summary=how)
        run.define_metric("by_min", summary="min,max")
        run.define_metric("any_*", summary="max")
        for value in (x, 0):
            named = {f"by_{how}": value for how in ("max", "mean", "first", "last", "none")}
            run.log({**named, "by_min": -value, "any_acc": value, "plain": value, "deep": {"acc": value}})
        run.summary["alone"] = x
        run.summary["val"] = {"acc": x}
        run.summary["odd"] = {1: float("inf"), 2: float("nan"), 3: 1.0}[x]
        run.summary["text"] = "0.5"

def config(name, goal):
    return {"method": "grid", "metric": {"name": name, "goal": goal},
            "parameters": {"x": {"values": [1, 3, 2]}}}

def look(name, goal="maximize"):
    "The same runs under a sweep of another metric: what each reader finds."
    sent = config(name, goal)
    with sqlite3.connect(DATABASE) as database:  # the server refuses another metric once there are runs
        database.execute("UPDATE sweeps SET config = ? WHERE name = ?", (json.dumps(sent), sweep))
    database.close()
    query = "mutation($i: ID!, $c: String!) { upsertSweep(input: {id: $i, config: $c}) { sweep { id } } }"
    variables = {"i": sweep, "c": json.dumps({**sent, "run_cap": 50 + len(name)})}
    request("/graphql", {"query": query, "variables": variables})
    page = request(f"/-/data/local/p/sweeps/{sweep}")
    curves = request(f"/-/data/local/p/sweeps/{sweep}/charts/curves")["data"]
    row = next(iter(page["best_runs"]), None)
    return {"api": wandb.Api().sweep(f"local/p/{sweep}").best_run().config["x"], "best": best(sweep),
            "page": row and [row["parameters"]["x"], row["bests"][0], row["last"]],
            "points": [len(curve["x"]) for curve in curves]}

sweep = wandb.sweep(config("plain", "maximize"), project="p")
wandb.agent(sweep, function=train, project="p")
found = {name: look(name) for name in NAMES} | {"by_min": look("by_min", "minimize")}

runs = {run.config["x"]: run for run in wandb.Api().runs("local/p", {"sweep": sweep})}
def order(key, **filters):
    asked = {"sweep": sweep} | {f"summary_metrics.{name}": value for name, value in filters.items()}
    return [run.config["x"] for run in wandb.Api().runs("local/p", asked, order=key)]
found["orders"] = {key: order(key) for key in (
    "-summary_metrics.by_max", "+summary_metrics.by_max", "-summary_metrics.by_max.max",
    "-summary_metrics.odd", "-summary_metrics.val.acc")}
found["filters"] = [order("+created_at", by_max={"$gt": 1}), order("+created_at", by_max=2),
                    order("+created_at", by_max={"$exists": False}), order("+created_at", by_mean={"$lt": 1})]
look("alone")
watch = SweepWatch(f"local/p/{sweep}")
before = watch.read().best().best
runs[1].summary.update({"alone": 9})
found["watched"] = [before, watch.read().best().best]
found["late"] = look("alone")
print(json.dumps(found))
"""
LOGGED = ("plain", "deep.acc", "by_max", "by_mean", "by_first", "by_last", "by_none", "any_acc")
SUMMARIZED = ("alone", "val.acc", "by_max.max", "odd")


@pytest.fixture(scope="module")
def found(
    module_server: LiveServer, module_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What all readers found of one set of runs, of x = 1, 3 and 2."""
    names = (
        f"NAMES, DATABASE = {(*LOGGED, *SUMMARIZED, 'text')}, {str(module_server.data_dir / 'litsweep.db')!r}"
    )
    folder = tmp_path_factory.mktemp("summaries")
    done = python("\n".join((names, AGENT, SWEEP)), module_env, folder)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("name", LOGGED)
def test_the_best_of_history_and_summary_counts(found: dict[str, Any], name: str) -> None:
    assert found[name] == {"api": 3, "best": [3, 3, 0], "page": [3, 3, 0], "points": [2, 2, 2]}


def test_of_several_aggregates_the_goal_takes_its_own(found: dict[str, Any]) -> None:
    assert found["by_min"] == {"api": 3, "best": [3, -3, 0], "page": [3, -3, 0], "points": [2, 2, 2]}


@pytest.mark.parametrize("name", SUMMARIZED)
def test_a_metric_may_stand_in_the_summary_alone(found: dict[str, Any], name: str) -> None:
    value = 1 if name == "odd" else 3
    assert found[name] == {"api": 3, "best": [3, value, value], "page": [3, value, value], "points": []}


def test_a_summary_that_changes_after_the_run_counts(found: dict[str, Any]) -> None:
    assert found["late"] == {"api": 1, "best": [1, 9, 9], "page": [1, 9, 9], "points": []}
    assert found["watched"] == [3, 9]


def test_a_text_is_no_value_and_the_message_says_so(found: dict[str, Any]) -> None:
    assert found["text"]["page"] is None
    assert "no run logged a number as text; the last was the text '0.5'." in found["text"]["best"]


def test_orders_and_filters_take_aggregates_for_the_metric(found: dict[str, Any]) -> None:
    assert found["orders"] == {
        "-summary_metrics.by_max": [3, 2, 1],
        "+summary_metrics.by_max": [1, 2, 3],
        "-summary_metrics.by_max.max": [3, 2, 1],
        "-summary_metrics.odd": [3, 1, 2],
        "-summary_metrics.val.acc": [3, 2, 1],
    }
    assert found["filters"] == [[3, 2], [2], [], [1]]


def test_a_target_that_the_summary_reaches_ends_the_sweep(module_env: dict[str, str], tmp_path: Path) -> None:
    code = """
    def train():
        with wandb.init() as run:
            run.log({"loss": 1.0})
            run.summary["best_acc"] = 1.0

    metric = {"name": "best_acc", "goal": "maximize", "target": 0.5}
    sweep = wandb.sweep({"method": "bayes", "metric": metric, "parameters": {"x": {"min": 0.0, "max": 1.0}}},
                        project="p")
    wandb.agent(sweep, function=train, project="p", count=3)
    read = wandb.Api().sweep(f"local/p/{sweep}")
    print(json.dumps([read.state, len(read.runs), best(sweep)[1:]]))
    """
    done = python(AGENT + "\n".join(line[4:] for line in code.splitlines()), module_env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == ["FINISHED", 1, [1.0, 1.0]]
