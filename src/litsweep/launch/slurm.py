"""`litsweep launch --on slurm`: a job array of agents, one per task, submitted with sbatch.

Each task is one agent (see agent.py) with the GPUs that Slurm gives it. When Slurm takes a task back it sends
SIGTERM, a run saves a checkpoint and goes back into the sweep, and the requeued task, or any other, goes on
with it. The key travels in the job's environment, never in the script.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.launch.options import LaunchOptions, log_folder
from litsweep.launch.protocol import SweepPath, connect, credentials, require_online
from litsweep.launch.retry import Retries
from litsweep.launch.variables import FAILURES_IN_A_ROW

NOTICE_SECONDS = 120  # SIGTERM comes so long before the time limit
_LOOPBACK = re.compile(r"//(127\.|localhost|\[::1\])")


@dataclass(frozen=True)
class SlurmOptions:
    """What to ask of Slurm.

    `array` is sbatch's own (`0-63%16`); without it `agents` tasks start. `time` is sbatch's time limit
    (`4:00:00`). `count` bounds the runs of each task. `extra` are further sbatch options, whole
    (`--account=lab`). The rest is as in LaunchOptions.
    """

    agents: int = 1
    array: str | None = None
    time: str | None = None
    partition: str | None = None
    gpus_per_agent: int = 0
    cpus_per_agent: int | None = None
    count: int | None = None
    max_consecutive_failures: int = FAILURES_IN_A_ROW
    log_dir: Path = Path("logs")
    keep_checkpoints: int = LaunchOptions.keep_checkpoints
    min_free_gb: float = LaunchOptions.min_free_gb
    extra: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Task:
    """One agent as squeue lists it: `state` is Slurm's, `where` its node or the reason why it waits."""

    job: str
    state: str
    elapsed: str
    where: str


def submit(sweep: str, options: SlurmOptions, environ: Mapping[str, str] = os.environ) -> str:
    """Submit the array of agents; returns the job's number.

    Raises LitsweepError when there is no such sweep, no Slurm, or Slurm refuses the job.
    """
    require_online(environ)
    environ = {**environ, **credentials(environ)}
    api = connect(sweep, environ)
    logs = log_folder(options.log_dir, api.path.id).resolve()
    Retries(api).take_up()
    return _slurm(["sbatch", "--parsable"], environ, script(api.path, options, logs)).partition(";")[0]


def warning(environ: Mapping[str, str] = os.environ) -> str:
    """What may keep the nodes from the server; empty when nothing does."""
    base_url = credentials(environ)["WANDB_BASE_URL"]
    if not _LOOPBACK.search(base_url):
        return ""
    return (
        f"{base_url} can be reached from this machine only: for agents on other nodes start the server with "
        "`litsweep serve --host 0.0.0.0` and set WANDB_BASE_URL to this machine's name"
    )


def script(path: SweepPath, options: SlurmOptions, logs: Path) -> str:
    """The batch script. The task's shell becomes the agent, so that Slurm's signals reach it."""
    log = f"{logs}/slot-%a.log"
    asked = {
        "job-name": job_name(path.id),
        "array": options.array or f"0-{options.agents - 1}",
        "time": options.time,
        "partition": options.partition,
        "gpus-per-task": options.gpus_per_agent or None,
        "ntasks": 1,
        "cpus-per-task": options.cpus_per_agent,
        "signal": f"B:TERM@{NOTICE_SECONDS}" if options.time else None,
        "output": log,
        "open-mode": "append",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value is not None]
    lines += ["#SBATCH --requeue", *(f"#SBATCH {option}" for option in options.extra)]
    agent = [sys.executable, "-m", "litsweep.launch.agent", f"{path.entity}/{path.project}/{path.id}"]
    agent += ["--max-consecutive-failures", str(options.max_consecutive_failures)]
    agent += ["--keep-checkpoints", str(options.keep_checkpoints), "--min-free-gb", str(options.min_free_gb)]
    agent += ["--count", str(options.count)] if options.count else []
    slot_log = f'--log "{logs}/slot-$SLURM_ARRAY_TASK_ID.log"'
    threads = 'export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"'
    mark = 'export LITSWEEP_SLOT="$SLURM_JOB_ID:$SLURM_ARRAY_TASK_ID"'
    return "\n".join(["#!/bin/bash", *lines, threads, mark, f"exec {shlex.join(agent)} {slot_log}", ""])


def job_name(sweep_id: str) -> str:
    """How the jobs of a sweep are found again."""
    return f"litsweep-{sweep_id}"


def status(sweep: str, environ: Mapping[str, str] = os.environ) -> list[Task]:
    """The agents of the sweep that Slurm has waiting or running."""
    name = job_name(SweepPath.parse(sweep, environ).id)
    lines = _slurm(["squeue", "--noheader", "--array", f"--name={name}", "--format=%i|%T|%M|%R"], environ)
    return [Task(*line.strip().split("|", 3)) for line in lines.splitlines() if line.strip()]


def cancel(sweep: str, environ: Mapping[str, str] = os.environ) -> int:
    """Take all agents of the sweep back, their runs ending as if preempted; returns how many there were."""
    tasks = status(sweep, environ)
    if tasks:
        _slurm(["scancel", f"--name={job_name(SweepPath.parse(sweep, environ).id)}"], environ)
    return len(tasks)


def _slurm(argv: Sequence[str], environ: Mapping[str, str], stdin: str = "") -> str:
    if shutil.which(argv[0], path=environ.get("PATH")) is None:
        raise LitsweepError(
            f"there is no Slurm on this machine: {argv[0]} is not on PATH; log in to a node that has it"
        )
    done = subprocess.run(argv, env=dict(environ), input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LitsweepError(f"`{shlex.join(argv)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()
