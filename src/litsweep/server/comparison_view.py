"""The comparison of a sweep's best configs, as the sweep page and `litsweep best` show it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import count
from litsweep.search.confirm import (
    DECISIVE_PROBABILITY,
    INTERVAL_LEVEL,
    Candidate,
    Confirmed,
    confirmed,
    is_decided,
)
from litsweep.server.config_runs import configs_of
from litsweep.server.repeats import Confirmation, confirmation_of
from litsweep.server.store import marks, runs
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed
from litsweep.sweep.metric import Goal, Metric

MOST_REPLICATED = 5
"""The number of configs that are compared by their replicates."""


def comparison_view(connection: Connection, sweep: SweepRecord) -> dict[str, Any] | None:
    """Return the comparison of a sweep's best configs for people, the best mean first.

    With repeats it compares the leaders by them. Without, it compares the replicates' means, if the sweep has
    replicates; otherwise it is None. `text` is the result so far as a sentence. `is_decided` is True if one
    config is the best with the probability `decided_at`, `is_over` if no more repeat is needed.
    """
    found = confirmation_of(connection, sweep)
    return _of_replicates(connection, sweep) if found is None else _view(found)


def _of_replicates(connection: Connection, sweep: SweepRecord) -> dict[str, Any] | None:
    config = parsed(sweep.config)
    if config.replicates is None or config.metric is None:
        return None
    found, name = marks.last_retries(runs.of_sweep(connection, sweep.id)), config.replicates.parameter
    configs = configs_of(connection, found, config, config.metric, name)[:MOST_REPLICATED]
    if not configs:
        return None
    candidates = [Candidate(each.best.name, tuple(each.values)) for each in configs]
    titles = {each.best.name: each.best.display_name for each in configs}
    best = confirmed(candidates)[0]
    text = (
        f"The config of {titles[best.id]} has the best mean of {count(best.n, 'replicate')}. The best of "
        "many means is too good on average; `litsweep confirm` repeats the leaders with new seeds."
    )
    shown = {"parameter": name, "text": text, "is_over": True, "repeats": 0, "budget": 0}
    return shown | _compared(candidates, titles, config.metric)


def _compared(candidates: Sequence[Candidate], titles: Mapping[str, str], metric: Metric) -> dict[str, Any]:
    rows = zip(confirmed(candidates), candidates, strict=True)
    return {
        "level": INTERVAL_LEVEL,
        "decided_at": DECISIVE_PROBABILITY,
        "is_decided": is_decided(candidates),
        "configs": [
            {
                **_in_units(row, metric),
                "title": titles[row.id],
                "failed": each.failed,
                "running": each.running,
            }
            for row, each in rows
        ],
    }


def _view(found: Confirmation) -> dict[str, Any]:
    titles = {run.name: run.display_name for run in found.leaders}
    head = {
        "parameter": found.plan.parameter,
        "text": _text(found, titles),
        "is_over": found.next is None and not any(each.running for each in found.candidates),
        "repeats": sum(each.spent for each in found.candidates),
        "budget": found.plan.budget,
    }
    ordered = sorted(found.candidates, key=lambda each: -each.mean)
    return head | _compared(ordered, titles, found.metric)


def _text(found: Confirmation, titles: Mapping[str, str]) -> str:
    """Return the state of the comparison as a sentence, and what the means leave out."""
    rows = zip(confirmed(found.candidates), found.candidates, strict=True)
    best = max(rows, key=lambda row: row[1].mean)[0]
    done = sum(len(each.values) + each.failed for each in found.candidates)
    repeats_done = f"{done} of at most {count(found.plan.budget, 'repeat')}"
    left_out = "A mean leaves out the config's first run: it was selected for its high value."
    if found.metric.goal is Goal.MINIMIZE:
        left_out = left_out.replace("high", "low")
    if best.probability is None:
        return f"{repeats_done} ended; nothing can be said yet. {left_out}"
    said = (
        f"{titles[best.id]} is the best config with probability {best.probability:.0%} after {repeats_done}"
    )
    is_open = found.next is None and not is_decided(found.candidates) and len(found.candidates) > 1
    return f"{said}{'; that is not decisive, and more --seeds may decide it' if is_open else ''}. {left_out}"


def _in_units(row: Confirmed, metric: Metric) -> dict[str, Any]:
    """Return a row with the metric's own sign instead of higher as better."""
    mean = None if row.mean is None else metric.sign * row.mean
    known = [end for end in (row.low, row.high) if end is not None]
    low, high = sorted(metric.sign * end for end in known) or (None, None)
    return {**asdict(row), "mean": mean, "low": low, "high": high}
