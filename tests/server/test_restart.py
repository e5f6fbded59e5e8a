"""A sweep that continues after a restart of the server, from the same SQLite file."""

import json
from typing import Any

import yaml

from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

SWEEP = {
    "program": "train.py",
    "method": "bayes",
    "metric": {"name": "loss"},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1},
        "layers": {"distribution": "int_uniform", "min": 1, "max": 4},
        "bias": {"values": [True, False]},
        "pad": {"values": [0, "", None]},
    },
    "litsweep": {"seed": 3, "transfer": "off"},
}
DESIGN = 5
"""The number of runs of the initial design."""


class Sweep:
    """A sweep with its agents. All sweeps of this module have the same config and seed."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.name = server.graphql(UPSERT_SWEEP, config=yaml.dump(SWEEP))["upsertSweep"]["sweep"]["name"]

    def start(self) -> tuple[str, dict[str, Any]]:
        """Start a run with a new agent. Return the run's name and parameters."""
        made = self.server.graphql(CREATE_AGENT, sweep=self.name)["createAgent"]["agent"]["id"]
        beat = self.server.graphql(HEARTBEAT, id=made, runState="{}")["agentHeartbeat"]
        (command,) = json.loads(beat["commands"])
        run, config = command["run_id"], json.dumps(command["args"])
        self.server.graphql(UPSERT_RUN, name=run, project="p", entity="local", sweep=self.name, config=config)
        return run, {name: entry["value"] for name, entry in command["args"].items()}

    def end(self, run: str, parameters: dict[str, Any]) -> None:
        """Log a loss that depends on the parameters, then exit."""
        loss = parameters["lr"] * 10 + parameters["layers"] + parameters["bias"] + (parameters["pad"] == 0)
        rows = [json.dumps({"_step": step, "loss": loss / (step + 1)}) for step in range(3)]
        path = f"/files/local/p/{run}/file_stream"
        self.server.post(path, {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}})
        self.server.post(path, {"complete": True, "exitcode": 0})

    def advance(self, n: int) -> list[dict[str, Any]]:
        """Execute the next `n` runs one after another. Return their parameters."""
        tried = []
        for _ in range(n):
            run, parameters = self.start()
            self.end(run, parameters)
            tried.append(parameters)
        return tried


def test_a_killed_server_suggests_what_it_would_have_suggested(server: LiveServer) -> None:
    """The server is killed (`kill -9`) during a run, after the initial design."""
    lived, replayed = Sweep(server), Sweep(server)
    expected = [*lived.advance(DESIGN + 1), lived.start()[1], *lived.advance(2)]
    found = [*replayed.advance(DESIGN + 1), replayed.start()[1]]
    server.kill()
    server.start()
    found += replayed.advance(2)
    assert found == expected
    assert len({repr(parameters) for parameters in found}) == len(found)
    assert (server.data_dir / "litsweep.db").is_file()
