"""Repeats of a sweep's leaders: runs of the same sweep with the leader's config and another seed.

The last repeat's reason holds which leaders are compared and how many repeats they may have. So the next
repeat follows from the runs, also after a restart of the server.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from sqlalchemy import Connection

from litsweep.search.confirm import Candidate, next_repeat
from litsweep.server import run_states
from litsweep.server.run_results import feasible_value
from litsweep.server.store import repeats, runs, sweeps
from litsweep.server.store.runs import RunRecord, plain_config
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed
from litsweep.server.wire_json import dumps
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.metric import Metric
from litsweep.sweep.reason import RunId, fallback_of
from litsweep.sweep.reasons import RepeatReason, stored_reason
from litsweep.sweep.run import has_result


@dataclass(frozen=True)
class Confirmation:
    """The comparison of a sweep's leaders. `plan` is the last repeat's reason, or that of the first one.

    `candidates` has the repeats of each run in `leaders`, and `seeds` their seeds by the leader's name.
    """

    plan: RepeatReason
    metric: Metric
    leaders: Sequence[RunRecord]
    candidates: Sequence[Candidate]
    seeds: Mapping[str, AbstractSet[int]]

    @property
    def next(self) -> RunRecord | None:
        """The leader that is repeated next, or None."""
        name = next_repeat(self.candidates, self.plan.budget)
        return next((leader for leader in self.leaders if leader.name == name), None)


def confirmation_of(
    connection: Connection, sweep: SweepRecord, plan: RepeatReason | None = None
) -> Confirmation | None:
    """Return the comparison by a `plan`, by default that of the last repeat.

    Return None without a plan or a metric, or if the leaders were deleted.
    """
    found = _repeats(connection, sweep)
    if plan is None and found:
        plan = found[-1][1]
    if plan is None:
        return None
    config = parsed(sweep.config)
    stored = {run.name: run for run in runs.named(connection, sweep.project_id, plan.leaders)}
    leaders = [stored[name] for name in plan.leaders if name in stored]
    if config.metric is None or not leaders:
        return None
    repeated, seeds = defaultdict[str, list[RunRecord]](list), defaultdict[str, set[int]](set)
    for run, reason in found:
        repeated[reason.run].append(run)
        seeds[reason.run].add(reason.seed)
    candidates = [
        _candidate(connection, leader.name, repeated[leader.name], config, config.metric)
        for leader in leaders
    ]
    return Confirmation(plan, config.metric, leaders, candidates, seeds)


def _repeats(connection: Connection, sweep: SweepRecord) -> list[tuple[RunRecord, RepeatReason]]:
    """Return the repeats of a sweep with their reasons, oldest first."""
    found = ((run, stored_reason(run.reason)) for run in repeats.of_sweep(connection, sweep.id))
    return [(run, reason) for run, reason in found if isinstance(reason, RepeatReason)]


def _candidate(
    connection: Connection, name: str, found: Sequence[RunRecord], config: SweepConfig, metric: Metric
) -> Candidate:
    """Return a leader with its repeats. One that misses a constraint counts as failed."""
    ended = [run for run in found if not run.is_alive]
    good = [run for run in ended if has_result(run.state, False, run.failure)]
    bests = [feasible_value(connection, run, config, metric) for run in good]
    values = tuple(metric.sign * best for best in bests if best is not None)
    return Candidate(name, values, len(found) - len(ended), len(ended) - len(values))


def wants_more(connection: Connection, sweep: SweepRecord) -> bool:
    """Return True if the comparison of the sweep's leaders needs another repeat."""
    found = confirmation_of(connection, sweep)
    return found is not None and found.next is not None


def queue_next(
    connection: Connection, sweep: SweepRecord, plan: RepeatReason | None = None
) -> RunRecord | None:
    """Create the next repeat, which waits for an agent. Return None if no repeat is needed now."""
    found = confirmation_of(connection, sweep, plan)
    leader = found.next if found else None
    if found is None or leader is None:
        return None
    config, parameter = parsed(sweep.config), found.plan.parameter
    used = found.seeds[leader.name] | _searched_seeds(leader, config, parameter)
    seed = next(seed for seed in count(1) if seed not in used)
    fallback = fallback_of(stored_reason(leader.reason))
    reason = replace(found.plan, run=RunId(leader.name), seed=seed, fallback=fallback)
    args = _with_seed(leader, config, parameter, seed)
    values = {
        "sweep_id": sweep.id,
        "display_name": f"{leader.display_name} ({parameter} {seed})",
        "config": args,
        "args": args,
        "parameters": leader.parameters,
        "sweep_version": leader.sweep_version,
        "reason": dumps(reason.to_json()),
    }
    return run_states.create(connection, sweep.project_id, sweeps.short_id(), values)


def _searched_seeds(run: RunRecord, config: SweepConfig, parameter: str) -> set[object]:
    """Return the seeds that the search itself uses: repeats with them would not be independent of it."""
    known = config.space.by_name.get(parameter)
    return {_seed(run, config, parameter), *(known.distribution.support or () if known else ())}


def _path(config: SweepConfig, parameter: str) -> Sequence[str]:
    known = config.space.by_name.get(parameter)
    return known.keys if known else (parameter,)


def _seed(run: RunRecord, config: SweepConfig, parameter: str) -> object:
    """Return the seed in a run's config, 0 if it has none."""
    value: Any = run.config_values
    for key in _path(config, parameter):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, int) else 0


def _with_seed(run: RunRecord, config: SweepConfig, parameter: str, seed: int) -> str:
    """Return what the agent gets for a repeat: the run's values, as sent, with another seed."""
    values = plain_config(json.loads(run.args or "{}"))
    branch, path = values, _path(config, parameter)
    for key in path[:-1]:
        branch = branch.setdefault(key, {})
    branch[path[-1]] = seed
    return dumps({key: {"value": value} for key, value in values.items()})
