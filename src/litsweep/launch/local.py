"""`litsweep launch` on this machine: an agent in every slot, until the sweep is done.

The runs come from the sweep's server, so the same launcher works with W&B's cloud and the embedded backend.
"""

import argparse
import os
import uuid
from collections.abc import Callable
from dataclasses import replace

from litsweep.launch.credentials import client_environment
from litsweep.launch.devices import chosen_gpus, listed_by_driver, slots_for
from litsweep.launch.launcher import Display, Flag, Launcher, View, positive
from litsweep.launch.options import LaunchOptions, LaunchOutcome, log_folder
from litsweep.launch.protocol import connect
from litsweep.launch.retry import Retries
from litsweep.launch.slot import Place
from litsweep.launch.supervisor import Supervisor


def _launch(sweep: str, args: argparse.Namespace, view: View) -> LaunchOutcome:
    options = LaunchOptions.of(args, gpus=chosen_gpus(args))
    with view() as display:
        return launch(sweep, options, display)


LAUNCHER = Launcher(
    "local",
    "this machine",
    (
        Flag("--gpus", help="all, none, or devices such as 0,1,3 (default: all, or the CPU without a GPU)"),
        Flag("--per-gpu", type=positive, default=1, metavar="K", help="agents on each GPU"),
        Flag("--per-trial", type=positive, default=1, metavar="N", help="GPUs for each run"),
        Flag(
            "--agent", choices=("warm", "stock"), default=LaunchOptions.agent,
            help="warm: litsweep's own, starts runs faster; stock: `wandb agent` (default: %(default)s)",
        ),
    ),
    _launch,
)  # fmt: skip


def launch(
    sweep: str,
    options: LaunchOptions,
    display: Display | None = None,
    driver: Callable[[], str] = listed_by_driver,
    fault: Callable[[], str] = str,
) -> LaunchOutcome:
    """Run `sweep` (ENTITY/PROJECT/ID) on the slots of `options`. Return when all have ended.

    `driver` lists the GPUs like `nvidia-smi -L`. `display` and `fault` are those of `Supervisor`. Raises
    LitsweepError if the sweep or the key is missing, or if the options do not fit the machine.
    """
    environ = client_environment({**os.environ, **options.environ})
    slots = slots_for(options, environ, driver)
    api = connect(sweep, environ)
    logs = log_folder(options.log_dir, api.path.id)
    if options.requeue_crashed:
        Retries(api).requeue_crashed()
    launch_id = uuid.uuid4().hex[:12]
    places = [
        Place.of(
            f"{launch_id}:{slot.index}", {**environ, **slot.environment(environ)},
            logs / f"slot-{slot.index}.log", slot.devices,
        )
        for slot in slots
    ]  # fmt: skip
    return Supervisor(places, api, replace(options, environ=environ), display, fault).run()
