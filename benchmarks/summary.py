"""Tables and curves of what was measured."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

_MILESTONES = (10, 25, 50, 100)
_RESAMPLES = 2000


def show(folder: Path, suite: str, plot: Path | None) -> None:
    """Print the table of a suite; write its curves to `plot` as an HTML page."""
    path = folder / f"{suite}.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        mode = f", {record['in_flight']} in flight" if record["in_flight"] > 1 else ""
        groups[record["engine"] + mode].append(record)
    Console(width=None if sys.stdout.isatty() else 140).print(_table(suite, groups))
    if plot is not None:
        _plot(plot, suite, groups)


def regrets(record: dict[str, Any], target: str = "best") -> np.ndarray:
    """Regret after each evaluation: 1 is a median random config, 0 is `target`.

    The incumbent is the config of the best logged objective; what counts is its true one.
    """
    scale = record["scale"]
    sign = np.sign(scale["best"] - scale["median"])
    values, best_logged, incumbent = [], -np.inf, np.nan
    for logged, true in zip(record["logged"], record["true"], strict=True):
        if logged is not None and sign * logged > best_logged:
            best_logged, incumbent = sign * logged, true
        values.append((scale[target] - incumbent) / (scale[target] - scale["median"]))
    return np.maximum(np.array(values), 0.0)


def _table(suite: str, groups: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table(title=f"{suite}: mean regret (80 % bootstrap interval over runs)")
    table.add_column("engine")
    table.add_column("runs")
    for milestone in _MILESTONES:
        table.add_column(str(milestone))
    table.add_column("capped, last")
    table.add_column("evaluations to W&B's last")
    table.add_column("crashed, second half")
    table.add_column("s / suggestion, median (95 %)")
    goal = _level(groups.get("wandb", []))
    for engine, records in sorted(groups.items(), key=lambda item: _curves(item[1])[:, -1].mean()):
        table.add_row(engine, str(len(records)), *_cells(records, goal))
    return table


def _cells(records: list[dict[str, Any]], goal: float | None) -> list[str]:
    curves = _curves(records)
    cells = [
        _interval(curves[:, milestone - 1]) if milestone <= curves.shape[1] else ""
        for milestone in _MILESTONES
    ]
    capped = np.array([regrets(record, "cap")[-1] for record in records])
    crashed = np.mean([value is None for r in records for value in r["true"][len(r["true"]) // 2 :]])
    seconds = np.concatenate([record["seconds"] for record in records])
    speed = f"{np.median(seconds):.3f} ({np.quantile(seconds, 0.95):.3f})"
    return [*cells, _interval(capped), _reached(curves, goal), f"{crashed:.2f}" if crashed else "", speed]


def _curves(records: list[dict[str, Any]]) -> np.ndarray:
    """Regrets, runs x evaluations, as long as the shortest run."""
    found = [regrets(record) for record in records]
    length = min(len(curve) for curve in found)
    return np.array([curve[:length] for curve in found])


def _level(records: list[dict[str, Any]]) -> float | None:
    return float(_curves(records)[:, -1].mean()) if records else None


def _reached(curves: np.ndarray, goal: float | None) -> str:
    """Evaluations until the mean curve is at `goal`, with an interval from resampled runs."""
    if goal is None:
        return ""
    rng = np.random.default_rng(0)
    picks = rng.integers(len(curves), size=(_RESAMPLES, len(curves)))
    counts = [_first(curves[pick].mean(0), goal) for pick in picks]
    low, high = np.quantile(counts, [0.1, 0.9])
    at = _first(curves.mean(0), goal)
    if at > curves.shape[1]:
        return "never"
    return f"{at} ({low:.0f} to {'never' if high > curves.shape[1] else f'{high:.0f}'})"


def _first(curve: np.ndarray, goal: float) -> int:
    return int(np.argmax(curve <= goal)) + 1 if (curve <= goal).any() else len(curve) + 1


def _interval(values: np.ndarray) -> str:
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(_RESAMPLES, len(values)))].mean(1)
    low, high = np.quantile(means, [0.1, 0.9])
    return f"{values.mean():.3f} ({low:.3f}-{high:.3f})"


def _plot(path: Path, suite: str, groups: dict[str, list[dict[str, Any]]]) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(layout={"title": suite, "xaxis_title": "evaluations", "yaxis_title": "mean regret"})
    for engine, records in groups.items():
        mean = _curves(records).mean(0)
        figure.add_scatter(x=np.arange(1, len(mean) + 1), y=mean, name=engine, mode="lines")
    figure.update_yaxes(type="log")
    figure.write_html(path, include_plotlyjs=True)
