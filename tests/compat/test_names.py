"""Parameter names as Hydra's users have them, through the stock client and back."""

import json
import subprocess
import sys
from pathlib import Path

from tests.compat.stock import python
from tests.live_server import LiveServer

NAMES = [
    *("++model.weight", "+trainer.x", "~callbacks", "opt@train", "a/b/lr", "learning rate", "α", "x[0]"),
    *("a-b", "c:d", "e=f", "<i>", "'q'", '"dq"', "%s", "${x}", "{}", "constructor", "3", "$or"),
]
CODE = """
import json, wandb
from wandb.agents import pyagent
pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0.5
NAMES = {names!r}
got = []

def train():
    with wandb.init() as run:
        got.append(dict(run.config))
        run.log({{"loss": run.config["α"]}})

config = {{
    "method": "grid", "program": "train.py", "metric": {{"name": "loss", "goal": "minimize"}},
    "parameters": {{
        **{{name: {{"values": [1, 2] if name == "α" else [7]}} for name in NAMES}},
        "nested": {{"parameters": {{"+y z": {{"value": 5}}}}}},
    }},
    "litsweep": {{"conditions": {{"a/b/lr": {{"α": 1}}, "x[0]": {{"++model.weight": 7}}}}}},
}}
sweep = wandb.sweep(config, project="p")
wandb.agent(sweep, function=train, project="p")
api = wandb.Api()
ends = ["", ".value"] * len(NAMES)
found = {{
    name: len(api.runs("local/p", {{f"config.{{name}}{{ends.pop()}}": 7}})) for name in NAMES if name != "α"
}}
order = [run.config["α"] for run in api.runs("local/p", order="-config.α.value")]
stored = [dict(run.config) for run in api.sweep(f"local/p/{{sweep}}").runs]
print(json.dumps([sweep, got, stored, found, order]))
"""


def test_names_survive_the_whole_way(
    module_server: LiveServer, module_env: dict[str, str], tmp_path: Path
) -> None:
    done = python(CODE.format(names=NAMES), module_env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "++model.weight: W&B's schema allows only letters" in done.stderr
    sweep, got, stored, found, order = json.loads(done.stdout.splitlines()[-1])
    rest = dict.fromkeys((name for name in NAMES if name != "a/b/lr"), 7) | {"nested": {"+y z": 5}}
    assert got == [rest | {"α": 1, "a/b/lr": 7}, rest | {"α": 2}]
    assert sorted(stored, key=lambda config: config["α"]) == got
    assert found == {name: 1 if name == "a/b/lr" else 2 for name in NAMES if name != "α"}
    assert order == [2, 1]
    check_best(f"local/p/{sweep}", module_env, tmp_path)


def check_best(sweep: str, env: dict[str, str], folder: Path) -> None:
    command = [sys.executable, "-m", "litsweep", "best", sweep, "--json", "best.json"]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    best = json.loads((folder / "best.json").read_text())["best"]
    assert best["parameters"] == dict.fromkeys(NAMES, 7) | {"α": 1, "nested.+y z": 5}
    for word in ("'--learning rate=7'", "--a/b/lr=7", "--α=1", "'--<i>=7'", "--++model.weight=7"):
        assert word in done.stdout
