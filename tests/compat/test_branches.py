"""Runs that begin where there is a history already: rewound, forked, resumed, and started anew."""

import json
from typing import Any

import pytest

from tests.compat.stock import python

LOG = """
import json, os, sys, wandb

os.environ["WANDB_CONSOLE"] = "wrap"
STEPS = (0, 1, 5, 10, 11, 20)

def log(values, first=0, **settings):
    with wandb.init(project="p", **settings) as run:
        print(f"logs {values}")
        run.define_metric("high", summary="max")
        for step, value in enumerate(values, first):
            run.log({"x": value, "high": value})

def begin(name):
    with wandb.init(project="p", id=name, config={"lr": 0.1, "model": {"depth": 2}}, tags=["first"]) as run:
        print("the first words")
        run.define_metric("high", summary="max")
        for i, step in enumerate(STEPS):
            run.log({"x": i, "high": 100 - abs(i - 1), "deep": {"er": i}, "wide": i}, step=step)
        run.summary["note"] = "at the end"
        with open("kept.txt", "w") as file:
            file.write("kept")
        run.save("kept.txt")

for name in ("parent", "rewound", "restarted", "twice"):
    begin(name)
log([70, 80], resume_from="rewound?_step=7")
log([60], id="fork", fork_from="parent?_step=10", config={"lr": 0.5, "own": 1})
log([61, 62], id="fork of fork", fork_from="fork?_step=11")
log([90, 91, 92], id="again", fork_from="parent?_step=1")
log([93], id="again", fork_from="parent?_step=1")
log([94], id="resumed", fork_from="parent?_step=0")
log([95], id="resumed", resume="must")
log([70], resume_from="twice?_step=11")
log([80], resume_from="twice?_step=5")
log([1000], id="restarted")

errors = []
for settings in (
    {"fork_from": "nobody?_step=3"}, {"fork_from": "parent?_step=21"}, {"resume_from": "nobody?_step=3"},
    {"resume_from": "parent?_step=21"},
):
    try:
        wandb.init(project="p", **settings).finish()
    except Exception as error:
        errors.append(str(error))

def read(run):
    return {
        "rows": [[row["_step"], row["x"]] for row in run.scan_history()],
        "keys": [row["deep.er"] for row in run.scan_history(keys=["deep.er"])],
        "part": [row["_step"] for row in run.scan_history(min_step=1, max_step=6)],
        "sampled": [row["x"] for row in run.history(pandas=False)],
        "sampled keys": [[row["_step"], row["x"]] for row in run.history(keys=["x"], pandas=False)],
        "summary": {key: value for key, value in run.summary_metrics.items() if key[0] != "_"},
        "at": [run.lastHistoryStep, run.summary["_step"], run.state],
        "config": dict(run.config),
        "log": [line.content for line in run.console_logs()],
        "kept": [file.name for file in run.files() if file.name == "kept.txt"],
        "tags": run.tags,
    }

said = {run.id: read(run) for run in wandb.Api().runs("local/p")}
with open("said.json", "w") as file:
    json.dump({"errors": errors, "runs": said}, file)
"""
BASE = {"lr": 0.1, "model": {"depth": 2}}
FIRST = [[0, 0], [1, 1], [5, 2], [10, 3], [11, 4], [20, 5]]


@pytest.fixture(scope="module")
def said(module_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("branches")
    done = python(LOG, module_env, folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "said.json").read_text())


@pytest.mark.parametrize(
    ("run", "rows"),
    [
        ("parent", FIRST),
        ("rewound", [*FIRST[:3], [8, 70], [9, 80]]),
        ("fork", [*FIRST[:4], [11, 60]]),
        ("fork of fork", [*FIRST[:4], [11, 60], [12, 61], [13, 62]]),
        ("again", [*FIRST[:2], [2, 93]]),
        ("resumed", [*FIRST[:1], [1, 94], [2, 95]]),
        ("twice", [*FIRST[:3], [6, 80]]),
        ("restarted", [[0, 1000]]),
    ],
)
def test_every_read_of_the_history_agrees(said: Any, run: str, rows: list[list[int]]) -> None:
    found, inherited = said["runs"][run], [row for row in rows if row in FIRST and run != "restarted"]
    assert found["rows"] == found["sampled keys"] == rows
    assert found["sampled"] == [x for _, x in rows]
    assert found["keys"] == [x for _, x in inherited]
    assert found["part"] == [step for step, _ in rows if 1 <= step < 6]
    assert found["at"] == [rows[-1][0], rows[-1][0], "finished"]


@pytest.mark.parametrize(
    ("run", "summary"),
    [
        ("rewound", {"x": 80, "high": {"max": 100}, "deep": {"er": 2}, "wide": 2}),
        ("fork", {"x": 60, "high": {"max": 100}, "deep": {"er": 3}, "wide": 3}),
        ("fork of fork", {"x": 62, "high": {"max": 100}, "deep": {"er": 3}, "wide": 3}),
        ("restarted", {"x": 1000, "high": {"max": 1000}}),
    ],
)
def test_the_summary_is_that_of_the_rows(said: Any, run: str, summary: dict[str, Any]) -> None:
    assert said["runs"][run]["summary"] == summary


def test_the_config_is_inherited(said: Any) -> None:
    configs = {name: run["config"] for name, run in said["runs"].items()}
    assert configs["rewound"] == configs["again"] == configs["resumed"] == BASE
    assert configs["fork"] == configs["fork of fork"] == {**BASE, "lr": 0.5, "own": 1}
    assert configs["restarted"] == {}


def test_a_rewound_run_keeps_its_files_and_begins_a_new_log(said: Any) -> None:
    rewound, fork = said["runs"]["rewound"], said["runs"]["fork"]
    assert (rewound["kept"], rewound["log"], rewound["tags"]) == (["kept.txt"], ["logs [70, 80]"], ["first"])
    assert (fork["kept"], fork["log"], fork["tags"]) == ([], ["logs [60]"], [])


def test_what_is_not_there_cannot_be_branched_from(said: Any) -> None:
    unknown, beyond, *rewound = said["errors"]
    assert "there is no run nobody in project local/p" in unknown
    assert "run parent cannot be forked at step 21: its last step is 20" in beyond
    assert "there is no run local/p/nobody" in rewound[0]
    assert "run parent cannot be rewound at step 21: its last step is 20" in rewound[1]
    assert len(said["runs"]) == 8  # none was made
