"""`litsweep launch --on slurm`: a job array of agents, one per task, submitted with sbatch.

Each task is one agent (see agent.py) with the GPUs that Slurm gives it. When Slurm takes a task back it sends
SIGTERM. The run then saves a checkpoint and returns to the sweep, and the requeued task or any other one
resumes it. The API key is in the job's environment, never in the script.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litsweep.errors import LitsweepError
from litsweep.launch.credentials import client_environment, credentials
from litsweep.launch.launcher import CPUS_PER_AGENT, GPUS_PER_AGENT, Flag, Launcher, View
from litsweep.launch.options import AgentOptions, log_folder
from litsweep.launch.protocol import SweepPath, connect
from litsweep.launch.retry import Retries
from litsweep.sweep.contract import Variable

NOTICE_SECONDS = 120  # between SIGTERM and the time limit
ANSWER_SECONDS = 60
_UNREACHABLE = (
    "Slurm's controller does not answer: repeat the command once `scontrol ping` says that it is up"
)
_OTHER = "correct the options of the command, or ask the cluster's administrators"
# What to do: the first whose sign is in the message of a program of Slurm.
_ADVICE = (
    ("contact|connect|communication|timed out|resolve", _UNREACHABLE),
    (
        "munge|authentication|credential",
        "this machine cannot prove who you are to Slurm: `munged` must run on it",
    ),
    (
        r"configuration (source|file)|slurm\.conf",
        "this machine is not set up for Slurm: set SLURM_CONF, or log in to a node of the cluster",
    ),
    (
        "node configuration",
        "no node has what an agent asks for: lower --gpus-per-agent or --cpus-per-agent, or name another "
        "--partition",
    ),
    (
        "account|qos",
        "`sacctmgr show associations` lists your accounts: name one with --sbatch=--account=NAME",
    ),
    ("partition", "`sinfo` lists the partitions: name one with --partition"),
    ("denied|not permitted", "only the user who submitted the agents may do this: ask that user"),
    ("invalid user", "Slurm does not know this user: ask the cluster's administrators"),
)
_LOOPBACK = re.compile(r"//(127\.|localhost|\[::1\])")


@dataclass(frozen=True)
class SlurmOptions(AgentOptions):
    """Options of a launch on Slurm.

    `array` is sbatch's `--array` (`0-63%16`), by default `agents` tasks. `time` is sbatch's time limit
    (`4:00:00`). `count` limits the runs of each task. `extra` has more sbatch options (`--account=lab`).
    """

    array: str | None = None
    time: str | None = None
    partition: str | None = None
    gpus_per_agent: int = 0
    cpus_per_agent: int | None = None
    extra: Sequence[str] = ()


class NoSlurmError(LitsweepError):
    """This machine has no Slurm."""


@dataclass(frozen=True)
class Task:
    """One agent as squeue lists it: `state` is Slurm's, `where` its node or its reason for waiting."""

    job: str
    state: str
    elapsed: str
    where: str


def _launch(sweep: str, args: argparse.Namespace, view: View) -> None:
    if message := warning():
        print(f"litsweep: {message}", file=sys.stderr)
    print(submit(sweep, SlurmOptions.of(args, gpus_per_agent=int(args.gpus_per_agent)), os.environ))
    print(f"`litsweep status {sweep}` lists the agents, `litsweep cancel` ends them", file=sys.stderr)


def _fault(args: argparse.Namespace) -> str | None:
    if args.gpus_per_agent.is_integer():
        return None
    return f"--gpus-per-agent {args.gpus_per_agent}: Slurm gives whole GPUs; Ray can share one"


LAUNCHER = Launcher(
    "slurm",
    "Slurm",
    (
        Flag("--time", metavar="H:MM:SS", help="time limit of an agent"),
        Flag("--partition", help="partition of the agents"),
        Flag("--array", help="array for sbatch, such as 0-63%%16, instead of --agents"),
        Flag("--sbatch", dest="extra", action="append", default=[], metavar="=OPTION",
             help="another option of sbatch, such as --sbatch=--account=lab"),
        GPUS_PER_AGENT,
        CPUS_PER_AGENT,
    ),
    _launch,
    _fault,
)  # fmt: skip


def submit(sweep: str, options: SlurmOptions, environ: Mapping[str, str] = os.environ) -> str:
    """Submit the array of agents and return the job's number. Raises LitsweepError if that fails."""
    environ = client_environment(environ)
    api = connect(sweep, environ)
    logs = log_folder(options.log_dir, api.path.id).resolve()
    Retries(api).requeue_crashed()
    return _slurm(["sbatch", "--parsable"], environ, script(api.path, options, str(logs))).partition(";")[0]


def warning(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return a warning if other nodes cannot reach the server, else None."""
    base_url = credentials(environ)["WANDB_BASE_URL"]
    if not _LOOPBACK.search(base_url):
        return None
    return (
        f"{base_url} can be reached from this machine only: for agents on other nodes start the server with "
        "`litsweep serve --host 0.0.0.0` and set WANDB_BASE_URL to this machine's name"
    )


def script(path: SweepPath, options: SlurmOptions, logs: str) -> str:
    """Return the batch script. The task's shell becomes the agent, so that Slurm's signals reach it."""
    asked = {
        "job-name": _job_name(path.id),
        "array": options.array or f"0-{options.agents - 1}",
        "time": options.time,
        "partition": options.partition,
        "gpus-per-task": options.gpus_per_agent or None,
        "ntasks": 1,
        "cpus-per-task": options.cpus_per_agent,
        "signal": f"B:TERM@{NOTICE_SECONDS}" if options.time else None,
        "output": f"{logs}/slot-%a.log",
        "open-mode": "append",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value is not None]
    lines += ["#SBATCH --requeue", *(f"#SBATCH {option}" for option in options.extra)]
    agent = [sys.executable, "-m", "litsweep.launch.agent", str(path)]
    agent += ["--max-consecutive-failures", str(options.max_consecutive_failures)]
    agent += ["--keep-checkpoints", str(options.keep_checkpoints), "--min-free-gb", str(options.min_free_gb)]
    agent += ["--count", str(options.count)] if options.count else []
    slot_log = f'--log "{logs}/slot-$SLURM_ARRAY_TASK_ID.log"'
    threads = 'export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"'
    mark = f'export {Variable.SLOT}="$SLURM_JOB_ID:$SLURM_ARRAY_TASK_ID"'
    return "\n".join(["#!/bin/bash", *lines, threads, mark, f"exec {shlex.join(agent)} {slot_log}", ""])


def _job_name(sweep_id: str) -> str:
    return f"litsweep-{sweep_id}"


def status(sweep: str, environ: Mapping[str, str] = os.environ) -> list[Task]:
    """Return the agents of the sweep that wait or run on Slurm."""
    name = _job_name(SweepPath.parse(sweep, environ).id)
    lines = _slurm(["squeue", "--noheader", "--array", f"--name={name}", "--format=%i|%T|%M|%R"], environ)
    return [Task(*line.strip().split("|", 3)) for line in lines.splitlines() if line.strip()]


def cancel(sweep: str, environ: Mapping[str, str] = os.environ) -> int:
    """Cancel all agents of the sweep and return their number. Their runs end as preempted."""
    tasks = status(sweep, environ)
    if tasks:
        _slurm(["scancel", f"--name={_job_name(SweepPath.parse(sweep, environ).id)}"], environ)
    return len(tasks)


def _slurm(argv: Sequence[str], environ: Mapping[str, str], stdin: str = "") -> str:
    """Return the output of a program of Slurm. Raises LitsweepError that says what to do if it fails."""
    program = argv[0]
    if shutil.which(program, path=environ.get("PATH")) is None:
        raise NoSlurmError(f"no Slurm on this machine: {program} is not on PATH; log in to a node with Slurm")
    try:
        done = subprocess.run(
            argv, env=dict(environ), input=stdin, capture_output=True, text=True, check=False,
            timeout=ANSWER_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        unsure = " (it may have the job all the same: `squeue` shows it)" if program == "sbatch" else ""
        raise LitsweepError(
            f"{program} has not answered for {ANSWER_SECONDS} s{unsure}; {_UNREACHABLE}"
        ) from None
    if done.returncode == 0:
        return done.stdout.strip()
    lines = [re.sub(r"^[\w ]+: (error|fatal): |^\w+ error: ", "", line) for line in done.stderr.splitlines()]
    said = "; ".join(line.strip() for line in lines if line.strip()) or f"exit status {done.returncode}"
    fix = next((fix for sign, fix in _ADVICE if re.search(sign, said, re.IGNORECASE)), _OTHER)
    raise LitsweepError(f"{program} failed: {said}; {fix}")
