"""`litsweep watch`: prints a sweep's events until it ends or stalls, then runs a command."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime

from litsweep.cli.options import add_data_dir, add_json, add_sweep, write_json
from litsweep.cli.server_address import find_sweep
from litsweep.errors import LitsweepError
from litsweep.launch.observer import StatusObserver
from litsweep.launch.protocol import NoSweepError
from litsweep.launch.result import result_of
from litsweep.launch.status import SweepStatus
from litsweep.launch.variables import client_settings
from litsweep.launch.watch import SweepWatch
from litsweep.sweep.contract import ExitCode
from litsweep.sweep.events import SweepEvent, event_text

POLL_SECONDS = 5.0
STALLED, CANCELED = 3, 4
_EXIT_CODES = {SweepEvent.FINISHED: ExitCode.OK, SweepEvent.STALLED: STALLED, SweepEvent.CANCELED: CANCELED}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    codes = f"0 finished, {STALLED} stalled, {CANCELED} canceled or ended otherwise, 1 an error"
    parser.epilog = f"Exit status: {codes}."
    add_sweep(parser)
    parser.add_argument(
        "--on-end", metavar="COMMAND",
        help="run this in the shell at the end; LITSWEEP_EVENT, LITSWEEP_SWEEP, LITSWEEP_BEST and others say "
        "how the sweep ended",
    )  # fmt: skip
    parser.add_argument(
        "--stalled-after", type=_minutes, metavar="MINUTES",
        help="the sweep stalls after so many minutes without a sign of an agent (default: `litsweep: "
        "stalled_after` of the sweep's YAML, or 10)",
    )  # fmt: skip
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def _minutes(text: str) -> float:
    """Return a flag's value that must be a number above 0."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0")
    return minutes


def execute(args: argparse.Namespace) -> int:
    """Watch the sweep until it ends or stalls, and return the exit code for that."""
    sweep = find_sweep(args, may_start=False)
    client_settings()
    observer = StatusObserver(args.stalled_after)
    event, status = _watch(SweepWatch(sweep), observer)
    write_json(args.json, {"event": str(event), **result_of(status).as_dict()})
    code = int(_EXIT_CODES[event])
    if args.on_end is not None:
        failure = subprocess.run(
            args.on_end, shell=True, env=_environment(event, status, observer), check=False
        ).returncode
        if failure:
            print(f"litsweep: --on-end: the command exited with code {failure}", file=sys.stderr)
        code = code or int(failure != 0)
    return code


def _watch(watch: SweepWatch, observer: StatusObserver) -> tuple[SweepEvent, SweepStatus]:
    """Print the events. Return the one that ends the watch, with the sweep's last status."""
    status = watch.read()
    while True:
        for event in observer.events(status):
            _show(event, status, observer)
            if event in _EXIT_CODES:
                return event, status
        time.sleep(POLL_SECONDS)
        status = _read_again(watch, status)


def _read_again(watch: SweepWatch, before: SweepStatus) -> SweepStatus:
    """Return the current status. If the server does not answer, return `before`."""
    try:
        return watch.read()
    except NoSweepError:
        raise  # it was deleted
    except LitsweepError as error:
        print(f"{_now()}  {before.path}  {error}; trying again", file=sys.stderr, flush=True)
        return before


def _show(event: SweepEvent, status: SweepStatus, observer: StatusObserver) -> None:
    """Print the line of an event: time, event, sweep, value and run, or the runs by state."""
    best = observer.best
    cells = [_now(), str(event), status.path]
    cells += [] if event is SweepEvent.BEST else [_runs(status)]
    cells += [str(best)] if best else [status.unmet] if status.unmet else []
    print("  ".join(cells), flush=True)


def _runs(status: SweepStatus) -> str:
    return ", ".join(f"{n} {word}" for word, n in status.count().items()) or "no runs"


def _now() -> str:
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")


def _environment(event: SweepEvent, status: SweepStatus, observer: StatusObserver) -> Mapping[str, str]:
    """Return the environment of the `--on-end` command."""
    best, minutes = observer.best, observer.stalled_after_minutes(status)
    facts = {
        "EVENT": str(event),
        "SWEEP": status.path,
        "URL": status.url,
        "STATE": status.state.lower(),
        "RUNS": _runs(status),
        "METRIC": best.metric if best else "",
        "BEST": repr(best.value) if best else "",
        "BEST_RUN": best.run if best else "",
        "TEXT": event_text(event, status.path, best, status.count(), minutes, bool(status.unmet)),
    }
    return {**os.environ, **{f"LITSWEEP_{name}": value for name, value in facts.items()}}
