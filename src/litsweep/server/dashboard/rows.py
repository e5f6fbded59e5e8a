"""A run as one row of a table."""

import json
from typing import Any

from litsweep.server.history_keys import flat
from litsweep.server.store.runs import RunRecord
from litsweep.server.wire_json import number
from litsweep.sweep.reason import Reason
from litsweep.sweep.reasons import reason_from_json
from litsweep.sweep.run import RunState, count_words, state_word

Numbers = dict[str, float]


def state(run: RunRecord) -> str:
    """The word for the run's state."""
    return state_word(RunState(run.state), run.is_stopped_early, run.failure)


def counts(runs: list[RunRecord]) -> dict[str, int]:
    """Count the runs by the word for their state."""
    return dict(count_words(state(run) for run in runs))


def head(run: RunRecord) -> dict[str, Any]:
    """What every table of runs begins with."""
    return {
        "name": run.name,
        "title": run.display_name,
        "state": state(run),
        "created": run.created_at,
        "started": run.started_at,
        "ended": None if run.is_alive else run.ended_at or run.heartbeat_at,
    }


def summary_numbers(run: RunRecord) -> Numbers:
    """The numbers of the summary by dotted name, W&B's own (with an underscore) left out."""
    leaves = ((name, number(value)) for name, value in flat(run.summary_values) if is_metric(name))
    return {name: value for name, value in leaves if value is not None}


def is_metric(name: str) -> bool:
    """False for what the client adds of itself, such as `_step`."""
    return not name.startswith("_")


def config(run: RunRecord) -> dict[str, Any]:
    """The config by dotted name, without what the client records about itself."""
    return {name: value for name, value in flat(run.config_values) if is_metric(name)}


def reason(text: str | None) -> Reason | None:
    """Return the stored reason for a suggestion or a stop."""
    return reason_from_json(json.loads(text)) if text else None


def brief(text: str | None) -> str:
    """Return a stored reason in a few words; empty if there is none."""
    found = reason(text)
    return found.brief if found else ""
