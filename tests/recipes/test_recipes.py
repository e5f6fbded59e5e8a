"""The recipes of the documentation: each runs from its YAML to `best`, and resumes after a preemption."""

import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from litsweep.cli import main
from tests.live_server import LiveServer

RECIPES = Path(__file__).parents[2] / "docs/recipes"
INSTALL = "pip install -c constraints.txt -e '.[recipes]'"
LITSWEEP = (sys.executable, "-m", "litsweep")
FREEZE_THAW = {"early_terminate": {"type": "freeze_thaw", "max_iter": 90}}
NEEDS = {"hydra": "hydra", "huggingface": "transformers"}


@dataclass(frozen=True)
class Recipe:
    """A recipe in a folder of its own, as a user would have it."""

    folder: Path
    environ: Mapping[str, str]
    server: LiveServer

    def start(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self) -> "subprocess.Popen[str]":
        """Start `litsweep run` for two runs."""
        where = ("--data-dir", str(self.server.data_dir), "--json", "result.json")
        return self.start(*LITSWEEP, "run", "sweep.yaml", "--agent", "warm", "--count", "2", *where)

    def change(self, **parameters: object) -> None:
        """Set parameters of the sweep to constants."""
        file = self.folder / "sweep.yaml"
        sweep = yaml.safe_load(file.read_text())
        sweep["parameters"] |= {name: {"value": value} for name, value in parameters.items()}
        file.write_text(yaml.safe_dump(sweep))


MakeRecipe = Callable[[str], Recipe]


@pytest.fixture
def recipe(module_server: LiveServer, module_env: dict[str, str], tmp_path: Path) -> MakeRecipe:
    """Return a function that copies a recipe into a new folder."""

    def copy(name: str) -> Recipe:
        if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
            pytest.skip(f"{NEEDS[name]} is not installed: {INSTALL}")
        folder = tmp_path / name
        shutil.copytree(RECIPES / name, folder)
        return Recipe(folder, module_env | {"WANDB_DIR": str(folder)}, module_server)

    return copy


def has_best(recipe: Recipe, process: "subprocess.Popen[str]", parameters: set[str]) -> None:
    """Check that both runs finished, and that `best` shows one of them."""
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0 and ": 2 finished" in out, out
    result = json.loads((recipe.folder / "result.json").read_text())
    best = recipe.start(*LITSWEEP, "best", result["sweep"])
    shown, _ = best.communicate(timeout=60)
    assert best.returncode == 0 and f"{result['metric']} (best)" in shown, shown
    assert set(result["best"]["parameters"]) == parameters


FAST = {
    "argparse": {"alpha", "average", "epochs"},
    "kfold": {"C", "folds", "gamma"},
    "pytorch": {"epochs", "hidden", "lr"},
}
SLOW = {
    "huggingface": ({"num_train_epochs": 3}, {"learning_rate", "per_device_train_batch_size"}),
    "hydra": ({"epochs": 9}, {"model.hidden", "optimizer", "optimizer.lr"}),
    "lightning_cli": (
        {"trainer.max_epochs": 3},
        {
            "model.init_args.hidden",
            "optimizer.init_args.lr",
            "model.init_args.activation.init_args.negative_slope",
        },
    ),
    "lightning_ddp": ({"epochs": 3}, {"lr"}),
    "torchrun": ({"epochs": 9}, {"lr"}),
}


def test_every_recipe_is_short_and_on_the_page() -> None:
    assert {folder.name for folder in RECIPES.iterdir()} == {*FAST, *SLOW, "notebook"}
    links = set(re.findall(r"\]\(recipes/([^)]+)\)", RECIPES.with_suffix(".md").read_text()))
    assert links == {str(path.relative_to(RECIPES)) for path in RECIPES.glob("*/*") if path.name != "wandb"}
    assert all(path.read_text().count("\n") < 40 for path in RECIPES.glob("*/*.py"))


@pytest.mark.parametrize("name", sorted({*FAST, *SLOW}))
def test_check_knows_which_programs_resume(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(RECIPES / name)
    sweep = yaml.safe_load(Path("sweep.yaml").read_text()) | {"litsweep": FREEZE_THAW}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    resumes = main(["check", str(tmp_path / "sweep.yaml")]) == 0
    said = capsys.readouterr()
    assert resumes is (name != "argparse"), said
    assert resumes or "it does not resume its W&B run" in said.err


def test_from_the_yaml_to_best(recipe: MakeRecipe) -> None:
    started = [(made := recipe(name), made.run(), parameters) for name, parameters in FAST.items()]
    for made, process, parameters in started:
        has_best(made, process, parameters)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_from_the_yaml_to_best_of_larger_packages(name: str, recipe: MakeRecipe) -> None:
    made, (constants, parameters) = recipe(name), SLOW[name]
    made.change(**constants)
    has_best(made, made.run(), parameters | set(constants))


@pytest.mark.slow
def test_the_notebook(recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe("notebook")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(made.folder / "runtime"))
    notebook: Any = nbformat.read(made.folder / "train.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    assert all(not cell.get("outputs") for cell in notebook.cells)
    where = {"metadata": {"path": str(made.folder)}}
    NotebookClient(notebook, timeout=120, resources=where).execute(env=made.environ)
    shown = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    assert ": 2 finished" in shown and "Best run: " in shown, shown


# The parameter with the number of epochs, the metric, and the key that counts epochs in a row.
RESUMES = {
    "huggingface": ("num_train_epochs", "eval/loss", "train/global_step"),
    "hydra": ("epochs", "val_loss", "epoch"),
    "kfold": ("folds", "mean_acc", "fold"),
    "lightning_cli": ("trainer.max_epochs", "val_loss", "epoch"),
    "lightning_ddp": ("epochs", "val_loss", "epoch"),
    "pytorch": ("epochs", "val_loss", "epoch"),
    "torchrun": ("epochs", "val_loss", "epoch"),
}
RUN = """query($e: String!, $p: String!, $s: String!, $k: [JSONString!]!) {
    project(name: $p, entityName: $e) { sweep(sweepName: $s) { runs { edges { node {
        id state summaryMetrics sampledHistory(specs: $k) } } } } } }"""
STOP = "mutation($id: ID!) { stopRun(input: {id: $id}) { success } }"


@dataclass(frozen=True)
class OneRun:
    """The sweep of a recipe and its only run. `keys` are those of the rows to look at."""

    made: Recipe
    sweep: str
    keys: tuple[str, str]

    @property
    def node(self) -> Any:
        """The run on the server; None if there is none yet."""
        spec = json.dumps({"keys": self.keys, "samples": 1_000_000})
        entity, project, name = self.sweep.split("/")
        data = self.made.server.graphql(RUN, e=entity, p=project, s=name, k=[spec])
        edges = data["project"]["sweep"]["runs"]["edges"]
        assert len(edges) <= 1
        return edges[0]["node"] if edges else None

    def counts(self) -> list[float]:
        """Return the second key of each row."""
        node = self.node
        return [row[self.keys[1]] for row in node["sampledHistory"][0]] if node else []

    def launch(self) -> "subprocess.Popen[str]":
        return self.made.start(*LITSWEEP, "launch", self.sweep, "--gpus", "none", "--count", "1")

    def wait_for_rows(self, rows: int, process: "subprocess.Popen[str]") -> None:
        until = time.monotonic() + 200
        while len(self.counts()) < rows:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < until, self.node
            time.sleep(0.5)


def sweep_of(made: Recipe) -> str:
    out, _ = made.start(sys.executable, "-m", "wandb", "sweep", "sweep.yaml").communicate(timeout=60)
    return str(re.findall(r"wandb agent (?:\x1b\[\d+m)?([\w/-]+)", out)[0])


@pytest.mark.slow
@pytest.mark.timeout(800)
@pytest.mark.parametrize("name", RESUMES)
def test_a_preempted_run_goes_on_and_ends_when_the_server_asks(name: str, recipe: MakeRecipe) -> None:
    epochs, *keys = RESUMES[name]
    made = recipe(name)
    made.change(**{epochs: 50 if name == "kfold" else 100_000})
    run = OneRun(made, sweep_of(made), (keys[0], keys[1]))
    first = run.launch()
    run.wait_for_rows(5, first)
    first.send_signal(signal.SIGTERM)
    out, _ = first.communicate(timeout=100)
    assert first.returncode == 0 and run.node["state"] == "preempted", out
    before = len(run.counts())
    second = run.launch()
    if name != "kfold":  # it logs its metric at the end
        run.wait_for_rows(before + 5, second)
        made.server.graphql(STOP, id=run.node["id"])
    out, _ = second.communicate(timeout=120)
    assert second.returncode == 0, out
    assert run.node["state"] == ("finished" if name == "kfold" else "killed"), out
    assert len(run.counts()) > before
    counts = run.counts()
    steps = {after - before for before, after in pairwise(counts)}
    assert len(steps) == 1 and counts[0] in (0, *steps), "no row is missing, and none is there twice"
