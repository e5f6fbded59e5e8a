"""One agent on a node of a cluster: a launch with one slot, whose devices and number the cluster has chosen.

On SIGINT it finishes the run and leaves. On SIGTERM or SIGHUP it ends the run gracefully and leaves.
"""

import argparse
import logging
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.launch.options import LaunchOptions
from litsweep.launch.process import LOG_FORMAT
from litsweep.launch.protocol import connect
from litsweep.launch.slot import Place
from litsweep.launch.supervisor import Supervisor
from litsweep.launch.variables import failures_allowed
from litsweep.sweep.contract import ExitCode, Variable


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent and return its exit code."""
    logging.basicConfig(format=LOG_FORMAT)
    parser = argparse.ArgumentParser(description="An agent for one slot.")
    parser.add_argument("sweep")
    parser.add_argument("--log", type=Path, required=True, help="the file for all output of the runs")
    parser.add_argument("--count", type=int)
    parser.add_argument("--max-consecutive-failures", type=int, default=failures_allowed())
    parser.add_argument("--keep-checkpoints", type=int)
    parser.add_argument("--min-free-gb", type=float)
    args = parser.parse_args(argv)
    options = LaunchOptions.of(args, environ=os.environ)
    slot = os.environ.get(Variable.SLOT) or f"{uuid.uuid4().hex[:12]}:0"
    try:
        api = connect(args.sweep)
        outcome = Supervisor([Place.of(slot, os.environ, args.log)], api, options, steps=2).run()
    except LitsweepError as error:
        logging.error("%s", error)
        return ExitCode.FAILED
    for closed in outcome.closed:
        logging.error("%s", closed.reason)
    return ExitCode.FAILED if outcome.closed else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
