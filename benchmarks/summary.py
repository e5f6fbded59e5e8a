"""Tables and curves of measurements."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from comparison import Comparison, Interval, compare, mean, reaching
from records import Record, curves, load
from rich.console import Console
from rich.table import Table

Group = tuple[str, int]
"""An engine and its number of configs in flight."""

_OURS = "litsweep"
_WANDB = "wandb"
_RIVALS = (_WANDB, "optuna-gp")
_LEVEL_AT = 100
"""The level to reach is W&B's mean regret after this many full trainings."""

_MILESTONES = (10, 25, 50, 100)
_EPOCH_MILESTONES = (260, 520, 780, 1040, 1560)


def show(folder: Path, suite: str, plot: Path | None) -> None:
    """Print the tables of a suite, or of all in the folder; write its curves to `plot` as HTML."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    if suite == "all":
        console.print(_families(folder))
        return
    groups = _groups(load(folder / f"{suite}.jsonl"))
    if not groups:
        console.print(f"there are no measurements of {suite} in {folder}")
        return
    console.print(_overview(suite, groups, _levels(folder, suite, groups)))
    console.print(_rivalry(suite, groups))
    if plot is not None:
        _plot(plot, suite, groups)


def _groups(records: Sequence[Record]) -> dict[Group, list[Record]]:
    groups: dict[Group, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.engine, record.in_flight].append(record)
    return dict(groups)


def _levels(folder: Path, suite: str, groups: Mapping[Group, list[Record]]) -> dict[int, list[Record]]:
    """Return W&B's full trainings by number in flight; with early stopping, of the suite without it."""
    without, is_stopping, _ = suite.partition("-freeze-thaw" if "-freeze-thaw" in suite else "-curves")
    if is_stopping:
        groups = _groups(load(folder / f"{without}.jsonl"))
    return {in_flight: records for (engine, in_flight), records in groups.items() if engine == _WANDB}


def _name(group: Group) -> str:
    engine, in_flight = group
    return engine if in_flight == 1 else f"{engine}, {in_flight} in flight"


def _milestones(records: Sequence[Record]) -> tuple[int, ...]:
    return _MILESTONES if records[0].epochs is None else _EPOCH_MILESTONES


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return the table without empty columns."""
    filled = [j for j in range(len(columns)) if any(row[j] for row in rows)]
    table = Table(*(columns[j] for j in filled), title=title, title_justify="left")
    for row in rows:
        table.add_row(*(row[j] for j in filled))
    return table


# --- One suite ---


def _overview(suite: str, groups: Mapping[Group, list[Record]], levels: Mapping[int, list[Record]]) -> Table:
    records = next(iter(groups.values()))
    unit = "evaluations" if records[0].epochs is None else "epochs"
    columns = ["engine", "runs", *map(str, _milestones(records)), "capped, last"]
    columns += [f"{unit} to W&B's level at {_LEVEL_AT}", "crashed, second half", "best, median"]
    rows = []
    for group, found in sorted(groups.items(), key=lambda item: (item[0][1], curves(item[1])[:, -1].mean())):
        reached = reaching(found, levels.get(group[1], []), _LEVEL_AT)
        rows.append([_name(group), str(len(found)), *_cells(found, reached)])
    title = f"{suite}: mean regret after so many {unit} (80 % bootstrap interval over runs)"
    return _table(title, [*columns, "s / suggestion, median (95 %)"], rows)


def _cells(records: Sequence[Record], reached: Interval | None) -> Iterator[str]:
    raw = curves(records)
    for milestone in _milestones(records):
        yield f"{mean(raw[:, milestone - 1]):.3f}" if milestone <= raw.shape[1] else ""
    yield f"{mean(curves(records, 'capped')[:, -1]):.3f}"
    yield "" if reached is None else f"{reached:.0f}".replace("inf", "never")
    crashed = np.mean([value is None for r in records for value in r.true[len(r.true) // 2 :]])
    yield f"{crashed:.2f}" if crashed else ""
    sign = np.sign(records[0].scale["best"] - records[0].scale["median"])
    best = [
        sign * max((sign * value for value in r.true if value is not None), default=np.nan) for r in records
    ]
    yield f"{np.median(best):.4g}" if len({r.problem for r in records}) == 1 else ""
    seconds = np.concatenate([record.seconds for record in records])
    yield f"{np.median(seconds):.3f} ({np.quantile(seconds, 0.95):.3f})"


def _rivalry(suite: str, groups: Mapping[Group, list[Record]]) -> Table:
    """Return the comparison with each other engine, on the problems and seeds that both have."""
    columns = ["against", "at", "pairs", "ratio, raw", "ratio, capped", "difference, raw"]
    rows = []
    for group, theirs in sorted(groups.items()):
        ours = groups.get((_OURS, group[1]), [])
        for at in _milestones(theirs) if group[0] != _OURS else ():
            raw, capped = compare(ours, theirs, at, "raw"), compare(ours, theirs, at, "capped")
            if raw is not None and capped is not None:
                rows.append([_name(group), str(at), *_duel(raw, capped)])
    title = f"{suite}: litsweep against each other engine, paired by problem and seed"
    return _table(title, [*columns, "p (Wilcoxon), raw", "capped"], rows)


def _duel(raw: Comparison, capped: Comparison) -> Iterator[str]:
    yield str(len(raw.ours))
    yield f"{raw.ratio:.2f}"
    yield f"{capped.ratio:.2f}"
    yield f"{raw.difference:+.3f}"
    yield from (f"{comparison.verdict}, p {comparison.p:.2g}" for comparison in (raw, capped))


# --- All suites ---


def _families(folder: Path) -> Table:
    """Return, for each family of problems, whether we are better or worse than W&B and Optuna's GP."""
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        groups = _groups(load(path))
        for group in sorted(group for group in groups if group[0] in _RIVALS):
            ours, theirs = groups.get((_OURS, group[1]), []), groups[group]
            for at in _moments(ours, theirs):
                rows.append([path.stem, _name(group), str(at), *_verdicts(ours, theirs, at)])
    columns = ["suite", "against", "at", "pairs", "ratio, raw", "raw", "capped"]
    return _table("litsweep, by Wilcoxon's signed rank test at 5 %, two-sided", columns, rows)


def _verdicts(ours: Sequence[Record], theirs: Sequence[Record], at: int) -> Iterator[str]:
    raw, capped = compare(ours, theirs, at, "raw"), compare(ours, theirs, at, "capped")
    assert raw is not None
    assert capped is not None
    yield str(len(raw.ours))
    yield f"{raw.ratio:.2f}"
    yield from (f"{comparison.verdict}, p {comparison.p:.2g}" for comparison in (raw, capped))


def _moments(ours: Sequence[Record], theirs: Sequence[Record]) -> list[int]:
    """Return the middle milestone and the last one that both engines have, for at least one pair."""
    theirs_by_pair = {record.pair: record for record in theirs}
    lengths = [min(len(r.raw), len(theirs_by_pair[r.pair].raw)) for r in ours if r.pair in theirs_by_pair]
    if not lengths:
        return []
    middle = 50 if theirs[0].epochs is None else 1040
    return sorted({min(middle, *lengths), min(lengths)})


def _plot(path: Path, suite: str, groups: Mapping[Group, list[Record]]) -> None:
    import plotly.graph_objects as go

    unit = "epochs" if any(record.epochs for found in groups.values() for record in found) else "evaluations"
    figure = go.Figure(layout={"title": suite, "xaxis_title": unit, "yaxis_title": "mean regret"})
    for group, records in groups.items():
        average = curves(records).mean(0)
        figure.add_scatter(x=np.arange(1, len(average) + 1), y=average, name=_name(group), mode="lines")
    figure.update_yaxes(type="log")
    figure.write_html(path, include_plotlyjs=True)
