"""`litsweep retry`: run configs of failed, crashed or killed runs again in the same sweep."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from litsweep.cli.options import add_data_dir, add_json, add_sweep, write_json
from litsweep.cli.server_address import find_sweep
from litsweep.errors import count
from litsweep.launch.protocol import connect
from litsweep.sweep.contract import RETRY_LIMIT, RunState

DEFAULT_LIMIT = RETRY_LIMIT
_STATES = (RunState.FAILED, RunState.CRASHED)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_sweep(parser)
    parser.add_argument("runs", nargs="*", metavar="ID", help="id of a failed, crashed or killed run")
    for state in _STATES:
        parser.add_argument(f"--{state}", action="store_true", help=f"retry all {state} runs")
    parser.add_argument(
        "--limit",
        type=_limit,
        default=DEFAULT_LIMIT,
        metavar="N",
        help="maximum number of runs of a config, the first one included (default: %(default)s)",
    )
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute, reject=parser.error)


def _limit(text: str) -> int:
    if not text.isdecimal() or not 2 <= int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r}: must be 2 or more, one run and its retries")
    return int(text)


def execute(args: argparse.Namespace) -> int:
    """Retry the runs. Return 0 if there is a new run for each run that was asked for, else 1."""
    states = [state for state in _STATES if getattr(args, state)]
    if not (args.runs or states):
        args.reject("which runs? write --failed, --crashed, or the ids of runs")
    api = connect(find_sweep(args))
    answer = api.retry(args.runs, states, args.limit)
    retried, refused = answer["retried"], answer["refused"]
    for each in retried:
        print(f"{each['run']['displayName']} ({each['run']['name']}): {each['why']}")
    for each in refused:
        print(f"not retried: {each['name']}: {each['why']}", file=sys.stderr)
    if not retried and not refused:
        print(f"sweep {api.path} has no {' or '.join(states)} run to retry", file=sys.stderr)
    if retried:
        print(_next_step(str(api.path), len(retried), answer["sweep"]["state"]), file=sys.stderr)
    write_json(args.json, _result(str(api.path), args.limit, answer))
    return 0 if retried and not refused else 1


def _next_step(sweep: str, runs: int, state: str) -> str:
    waiting = f"{count(runs, 'run')} of sweep {sweep} {'waits' if runs == 1 else 'wait'} for an agent"
    start = f"if none is running, start one with `litsweep launch {sweep}` or `wandb agent {sweep}`"
    paused = f"the sweep is paused, so resume it first with `wandb sweep --resume {sweep}`"
    return f"{waiting}; {paused if state == 'PAUSED' else start}"


def _result(sweep: str, limit: int, answer: Mapping[str, Any]) -> dict[str, object]:
    retried = [
        {"id": each["run"]["name"], "retry_of": each["repeats"]["name"], "attempt": each["attempt"]}
        for each in answer["retried"]
    ]
    refused = [{"id": each["name"], "reason": each["why"]} for each in answer["refused"]]
    state = answer["sweep"]["state"].lower()
    return {"sweep": sweep, "state": state, "limit": limit, "retried": retried, "refused": refused}
