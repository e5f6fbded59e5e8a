"""A sweep as after a day of training, without any training: simulated runs of the real search.

Four agents train for hours of simulated time. Runs finish, are stopped by hyperband or fail. A few still run.
"""

import heapq
import json
import math
import random
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from sqlalchemy import Connection

from litsweep import Controller, parse_sweep
from litsweep.server import clock
from litsweep.server.backend import Backend
from litsweep.server.history_keys import updated
from litsweep.server.store import blobs, files, lines, projects, runs, sweeps
from litsweep.server.store.lines import Line
from litsweep.sweep.run import Suggestion

PROJECT = "cifar"
CONFIG = """
name: {name}
description: ResNet on CIFAR-10. Which optimizer, and how much regularization?
method: {method}
metric: {{name: val_acc, goal: maximize}}
run_cap: {run_cap}
early_terminate: {{type: hyperband, min_iter: 5, eta: 2}}
parameters:
  learning_rate: {{distribution: log_uniform_values, min: 0.0001, max: 0.1}}
  weight_decay: {{distribution: log_uniform_values, min: 0.000001, max: 0.01}}
  dropout: {{distribution: uniform, min: 0.0, max: 0.5}}
  width: {{values: [16, 32, 64]}}
  optimizer: {{values: [sgd, adam, adamw]}}
  schedule: {{values: [constant, cosine]}}
  epochs: {{value: 27}}
"""
EPOCHS = 27
REQUIREMENTS = (
    "lightning==2.5.0\ntorch==2.7.1\nwandb==0.28.0\n",
    "lightning==2.5.1\ntorch==2.7.1\nwandb==0.28.0\n",
)


@dataclass(order=True)
class _Training:
    """A run in progress. Trainings are ordered by the time of their next epoch."""

    at: float
    agent: int
    suggestion: Suggestion = field(compare=False)
    started: float = field(compare=False)
    rows: list[dict[str, Any]] = field(compare=False, default_factory=list)
    end: Mapping[str, Any] = field(compare=False, default_factory=dict)


def accuracy(config: Mapping[str, Any], epoch: int) -> float:
    """Return the accuracy without noise after an epoch."""
    rate = math.log10(float(config["learning_rate"]))
    ideal = {"sgd": -1.6, "adam": -2.7, "adamw": -2.6}[config["optimizer"]]
    top: float = 0.935 - 0.05 * abs(rate - ideal) ** 1.6 - 0.25 * (config["dropout"] - 0.18) ** 2
    top -= {16: 0.035, 32: 0.012, 64: 0.0}[config["width"]]
    top += {"constant": -0.014, "cosine": 0.0}[config["schedule"]]
    top -= 0.006 * (math.log10(config["weight_decay"]) + 3.4) ** 2
    speed: float = 0.16 + 0.05 * (rate - ideal)
    return max(0.1, top - (top - 0.1) * math.exp(-max(speed, 0.04) * (epoch + 1)))


def _row(config: Mapping[str, Any], epoch: int, at: float, noise: random.Random) -> dict[str, Any]:
    value = accuracy(config, epoch) + noise.gauss(0, 0.004)
    loss = 2.3 * (1 - value) + noise.gauss(0, 0.01)
    known = {"_step": epoch, "_timestamp": at, "epoch": epoch, "trainer/global_step": 390 * (epoch + 1)}
    train = {"train_loss": loss * 0.8 + 0.02, "lr": config["learning_rate"] * (1 - epoch / EPOCHS)}
    return {"val_acc": round(value, 4), "val_loss": round(loss, 4), **train, **known}


def fill_demo(
    connection: Connection, backend: Backend, *, name: str = "resnet", method: str = "bayes", count: int = 72
) -> str:
    """Return the path of a new sweep with `count` runs, the last of which still run."""
    text = CONFIG.format(name=name, method=method, run_cap=count + 8)
    project = projects.ensure(connection, "local", PROJECT)
    made = sweeps.add(
        connection, project.id, config=text, display_name=name, expected_runs=count + 8, state="RUNNING"
    )
    agents = [sweeps.add_agent(connection, made.id, f"gpu-{i // 2 + 1}") for i in range(4)]
    simulated = _simulated(Controller(parse_sweep(yaml.safe_load(text)), namespace=made.name), count)
    begin = clock.now() - max(training.at for training in simulated)
    for number, training in enumerate(simulated, 1):
        agent = agents[training.agent].id
        stored = _store(connection, project.id, made.id, agent, f"{name}-{number}", training, begin)
        _store_file(connection, backend, stored, "requirements.txt", REQUIREMENTS[training.agent // 2])
    best = max(row["val_acc"] for training in simulated for row in training.rows)
    sweeps.change(connection, made.id, best_loss=best)
    return f"/local/{PROJECT}/sweeps/{made.name}"


def _simulated(search: Controller, count: int) -> list[_Training]:
    """Return the runs in the order of their start."""
    noise, started = random.Random(1), list[_Training]()
    queue = [
        started_one for agent in range(4) if (started_one := _start(search, 40.0 * agent, agent, started))
    ]
    heapq.heapify(queue)
    while queue:
        training = heapq.heappop(queue)
        _train(search, training, noise)
        if not training.end:
            heapq.heappush(queue, training)
        elif len(started) < count and (
            following := _start(search, training.at + 25, training.agent, started)
        ):
            heapq.heappush(queue, following)
        if len(started) == count and len(queue) <= 3:
            break
    return started


def _start(search: Controller, at: float, agent: int, started: list[_Training]) -> _Training | None:
    for suggestion in search.ask(1):
        training = _Training(at, agent, suggestion, at)
        started.append(training)
        return training
    return None


def _train(search: Controller, training: _Training, noise: random.Random) -> None:
    """Log the next epoch of a run, or its end."""
    config, epoch = training.suggestion.parameters, len(training.rows)
    training.at += 45 + noise.random() * 10 + 0.6 * int(str(config["width"]))
    fate = zlib.crc32(training.suggestion.id.encode()) % 100
    if fate < 4 and epoch > 4:
        training.end = {"state": "crashed", "failure": "lost"}
    elif fate < 9 and epoch > 2:
        training.end = {"state": "failed", "failure": "out_of_memory", "exitcode": 1}
    else:
        training.rows.append(_row(config, epoch, training.at, noise))
    id, ended = training.suggestion.id, {"state": "finished", "exitcode": 0}
    if not training.end and len(training.rows) == EPOCHS:
        training.end = ended
    search.tell(id, training.rows, training.end.get("state"), training.end.get("failure"))
    for stop in search.runs_to_stop():
        if str(stop) == id and not training.end:
            reason = json.dumps(stop.reason.to_json())
            training.end = {**ended, "stopped_by": "search", "stop_reason": reason}
            search.tell(id, training.rows, "finished", stopped_early=True)


def _store(
    connection: Connection,
    project_id: int,
    sweep_id: int,
    agent_id: int,
    title: str,
    training: _Training,
    begin: float,
) -> int:
    """Write a run as an agent and the client would. Return its id in the database."""
    suggestion = training.suggestion
    config, ended = {**suggestion.parameters, "seed": len(training.rows) % 3}, training.end
    values = {
        "sweep_id": sweep_id,
        "agent_id": agent_id,
        "host": f"gpu-{training.agent // 2 + 1}",
        "program": "agent.py",
        "display_name": title,
        "parameters": json.dumps(dict(suggestion.parameters)),
        "config": json.dumps({key: {"value": value} for key, value in config.items()}),
        "reason": json.dumps(suggestion.reason.to_json()),
        "created_at": begin + training.started,
        "started_at": begin + training.started + 3,
        "heartbeat_at": begin + training.at,
        **({"state": "running"} if not ended else {**ended, "ended_at": begin + training.at}),
    }
    made = runs.add(connection, project_id, suggestion.id, values)
    rows = [
        {**row, "_timestamp": begin + row["_timestamp"], "_runtime": row["_timestamp"] - training.started}
        for row in training.rows
    ]
    lines.put(connection, made.id, lines.HISTORY, [Line(i, json.dumps(row), i) for i, row in enumerate(rows)])
    facts = {"history_lines": len(rows), "last_step": len(rows) - 1, "history_keys": updated("{}", rows)}
    done = {"test_acc": round(rows[-1]["val_acc"] - 0.004, 4)} if len(rows) == EPOCHS else {}
    runs.change(connection, made.id, summary=json.dumps({**rows[-1], **done} if rows else {}), **facts)
    printed = [
        f"Epoch {i}: val_acc {row['val_acc']}, val_loss {row['val_loss']}" for i, row in enumerate(rows)
    ]
    lines.put(connection, made.id, lines.LOG, [Line(i, text) for i, text in enumerate(printed)])
    runs.change(connection, made.id, log_lines=len(printed))
    return made.id


def _store_file(connection: Connection, backend: Backend, run_id: int, name: str, content: str) -> None:
    key = files.declare(connection, run_id, name, secrets.token_hex(16))
    written = backend.blobs.put(key, content.encode())
    blobs.mark_stored(connection, key, written.size, written.md5)
