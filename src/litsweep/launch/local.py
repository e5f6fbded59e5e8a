"""`litsweep launch` on this machine: an agent in every slot, until the sweep is done.

The runs come from the sweep's server, so the same launcher works with W&B's cloud and the embedded backend.
"""

import argparse
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.launch.credentials import client_environment
from litsweep.launch.devices import (
    chosen_gpus,
    listed_by_driver,
    mps_note,
    read_memory,
    slots_for,
    unused_agents,
)
from litsweep.launch.launcher import Display, Flag, Launcher, View, positive
from litsweep.launch.notes import NOTES, place_of_notes
from litsweep.launch.options import AUTO, LaunchOptions, LaunchOutcome, log_folder
from litsweep.launch.protocol import AgentApi, connect
from litsweep.launch.retry import Retries
from litsweep.launch.shared_gpus import SharedGpus
from litsweep.launch.slot import Place
from litsweep.launch.supervisor import Supervisor
from litsweep.sweep.contract import Variable


def _launch(sweep: str, args: argparse.Namespace, view: View) -> LaunchOutcome:
    options = LaunchOptions.of(args, gpus=chosen_gpus(args))
    slots_for(options)  # refuses options that do not fit before the view opens
    with view() as display:
        return launch(sweep, options, display)


def _per_gpu(text: str) -> int | str:
    if text != AUTO and (not text.isdigit() or int(text) < 1):
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a whole number above 0")
    return AUTO if text == AUTO else int(text)


LAUNCHER = Launcher(
    "local",
    "this machine",
    (
        Flag("--gpus", help="all, none, or devices such as 0,1,3 (default: all, or the CPU without a GPU)"),
        Flag("--per-gpu", type=_per_gpu, default=1, metavar="K|auto",
             help="agents on each GPU; auto measures how many do most (default: 1)"),
        Flag("--per-trial", type=positive, default=1, metavar="N", help="GPUs for each run"),
        Flag(
            "--agent", choices=("warm", "stock"), default=LaunchOptions.agent,
            help="warm: litsweep's own, starts runs faster; stock: `wandb agent` (default: %(default)s)",
        ),
    ),
    _launch,
    unused_agents,
)  # fmt: skip


def launch(
    sweep: str,
    options: LaunchOptions,
    display: Display | None = None,
    driver: Callable[[], str] = listed_by_driver,
) -> LaunchOutcome:
    """Run `sweep` (ENTITY/PROJECT/ID) on the slots of `options`. Return when all have ended.

    `driver` lists the GPUs like `nvidia-smi -L`. `display` gets the views of the slots. Raises
    LitsweepError if the sweep or the key is missing, or if the options do not fit the machine.
    """
    environ = client_environment({**os.environ, **options.environ})
    slots = slots_for(options, environ, driver)
    api = connect(sweep, environ)
    logs = log_folder(options.log_dir, api.path.id)
    if options.per_gpu == AUTO:
        environ |= place_of_notes(logs / NOTES)
    if options.requeue_crashed:
        Retries(api).requeue_crashed()
    launch_id = uuid.uuid4().hex[:12]
    places = []
    for slot in slots:
        log, own = logs / f"slot-{slot.index}.log", slot.environment(environ)
        if options.per_gpu == AUTO:
            own[Variable.PROGRESS_FILE] = str(log.with_suffix(".progress").absolute())
        places.append(Place.of(f"{launch_id}:{slot.index}", {**environ, **own}, log, slot.devices))
    admission = _sharing(places, api, environ, logs) if options.per_gpu == AUTO else None
    supervised = replace(options, environ=environ)
    return Supervisor(places, api, supervised, display, admission=admission).run()


def _sharing(places: Sequence[Place], api: AgentApi, environ: Mapping[str, str], logs: Path) -> SharedGpus:
    """Return the admission that changes the number of slots. Raises LitsweepError if it cannot measure."""
    try:
        memory = partial(read_memory, environ=environ)
        sharing = SharedGpus((place.devices for place in places), memory, api, logs / NOTES)
    except LitsweepError as error:
        raise LitsweepError(f"--per-gpu auto: {error}; write a number, as --per-gpu 2") from error
    sharing.say("--per-gpu auto", mps_note(environ))
    return sharing
