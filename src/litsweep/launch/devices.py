"""The GPUs of this machine: slots with their devices and a share of the CPU, memory, and CUDA MPS."""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from litsweep.errors import ConfigError, Fault, LitsweepError
from litsweep.launch.options import AUTO, LaunchOptions
from litsweep.launch.sharing import MOST_SLOTS

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,memory.used,memory.total", "--format=csv,noheader,nounits")
_MPS = "nvidia-cuda-mps-control"
_SECONDS = 10.0  # for an answer of these programs
_MIB = 1 / 1024  # in GiB

LIKELY_PER_GPU = 4
"""With AUTO each slot gets the threads that it would have with so many slots on each GPU."""


@dataclass(frozen=True)
class Slot:
    """A place for one agent. `devices` are CUDA names (numbers, `GPU-…` or `MIG-…`), empty for the CPU."""

    index: int
    devices: tuple[str, ...]
    threads: int

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the variables to add to `environ` for the slot's agent. Existing thread counts stay."""
        added = {"CUDA_VISIBLE_DEVICES": ",".join(self.devices)}
        if self.devices and "CUDA_VISIBLE_DEVICES" not in environ:  # the numbers are those of nvidia-smi
            added |= {"CUDA_DEVICE_ORDER": environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID")}
        added |= {name: str(self.threads) for name in THREAD_VARIABLES if name not in environ}
        return added


@dataclass(frozen=True)
class Memory:
    """The memory of a GPU in GiB."""

    used: float
    total: float

    @property
    def left(self) -> float:
        """The part that nobody uses."""
        return self.total - self.used


def listed_by_driver() -> str:
    """Return the output of `nvidia-smi -L`, empty without an NVIDIA driver."""
    if shutil.which("nvidia-smi") is None:
        return ""
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout


def devices_here(environ: Mapping[str, str], driver: Callable[[], str] = listed_by_driver) -> tuple[str, ...]:
    """Return all devices of this process: those in CUDA_VISIBLE_DEVICES, else every GPU or MIG slice.

    A GPU that is divided into MIG slices is listed by the UUIDs of its slices, as CUDA requires.
    """
    allowed = environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return _parse_listing(driver())
    names = (name.strip() for name in allowed.split(","))
    return tuple(name for name in names if name not in ("", "-1", "NoDevFiles"))


def chosen_gpus(args: argparse.Namespace) -> str | tuple[str, ...]:
    """Return the devices for `litsweep launch`. On a machine without a GPU the default is the CPU.

    Raises ConfigError if `--gpus` names a missing GPU.
    """
    if args.gpus in ("all", "none"):
        return str(args.gpus)
    if args.gpus is not None:
        names = tuple(name.strip() for name in args.gpus.split(","))
        check_present(names)
        return names
    if devices_here(os.environ) or args.per_gpu != 1 or args.per_trial > 1:
        return "all"
    agents, more = (
        ("one agent", "; --agents N starts more")
        if args.agents in (None, 1)
        else (f"{args.agents} agents", "")
    )
    print(f"No GPU found: {agents} on the CPU{more}", file=sys.stderr)
    return "none"


def unused_agents(args: argparse.Namespace) -> str | None:
    """Return what is wrong with `--agents` where the agents use GPUs, or None."""
    if args.agents is None or args.gpus == "none" or not (args.gpus or devices_here(os.environ)):
        return None
    return (
        f"--agents {args.agents}: has no effect on this machine's GPUs; --gpus says which of them to use and "
        "--per-gpu how many agents share one; --gpus none uses the CPU"
    )


def check_present(
    names: Sequence[str],
    environ: Mapping[str, str] = os.environ,
    driver: Callable[[], str] = listed_by_driver,
) -> None:
    """Raise ConfigError if `names` has a device that this machine lacks or this process may not use.

    The first characters of a UUID are enough, as for CUDA.
    """
    listing = driver()
    numbers = re.findall(r"^GPU (\d+):", listing, re.MULTILINE)
    uuids = re.findall(r"UUID: ([^)\s]+)", listing)
    known = (*numbers, *uuids, *devices_here(environ, lambda: listing))
    missing = [name for name in names if not _is_known(name, known)]
    if missing:
        here = f"it has {', '.join(devices_here(environ, lambda: listing))}" if known else "it has none"
        fix = f"{here}; --gpus none uses the CPU"
        _reject("--gpus", "must name GPUs of this machine", ",".join(missing), fix)


def _is_known(name: str, known: Sequence[str]) -> bool:
    is_uuid = name.startswith(("GPU-", "MIG-"))
    return name in known or (is_uuid and any(other.startswith(name) for other in known))


def _parse_listing(listing: str) -> tuple[str, ...]:
    slices: dict[str, list[str]] = {}
    gpu = ""
    for line in listing.splitlines():
        if found := re.match(r"GPU (\d+):", line):
            gpu = found[1]
            slices[gpu] = []
        elif found := re.search(r"UUID: (MIG-[^)\s]+)", line):
            slices[gpu].append(found[1])
    return tuple(name for gpu, mig in slices.items() for name in (mig or [gpu]))


def slots_for(
    options: LaunchOptions,
    environ: Mapping[str, str] = os.environ,
    driver: Callable[[], str] = listed_by_driver,
) -> tuple[Slot, ...]:
    """Return the slots for `options`; with AUTO, as many as there may be, beginning with one on each GPU.

    Raises LitsweepError if the options contradict each other or the machine.
    """
    groups = _device_groups(options, environ, driver)
    expected = len(groups) * LIKELY_PER_GPU // MOST_SLOTS if options.per_gpu == AUTO else len(groups)
    threads = max(1, cpu_count() // expected)
    return tuple(Slot(index, devices, threads) for index, devices in enumerate(groups))


def cpu_count() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _device_groups(
    options: LaunchOptions, environ: Mapping[str, str], driver: Callable[[], str]
) -> list[tuple[str, ...]]:
    _check_numbers(options)
    if options.per_gpu == AUTO:
        _check_auto(options, environ, driver)
    if options.gpus == "none":
        return [()] * options.agents
    devices = devices_here(environ, driver) if options.gpus == "all" else tuple(options.gpus)
    if not devices:
        _reject("--gpus", "needs a GPU on this machine", str(options.gpus), "use --gpus none for CPU slots")
    if len(devices) % options.per_trial:
        _reject(
            "--per-trial", f"must divide the number of GPUs, {len(devices)}", str(options.per_trial),
            "name the GPUs to use with --gpus",
        )  # fmt: skip
    groups = [devices[i : i + options.per_trial] for i in range(0, len(devices), options.per_trial)]
    if isinstance(options.per_gpu, str):
        return groups * MOST_SLOTS
    return [group for group in groups for _ in range(options.per_gpu)]


def _check_auto(options: LaunchOptions, environ: Mapping[str, str], driver: Callable[[], str]) -> None:
    """Raise LitsweepError if there is no GPU that `--per-gpu auto` can measure."""
    devices = devices_here(environ, driver) if options.gpus in ("all", "none") else options.gpus
    if options.gpus == "none" or not devices:
        what = "--gpus none has none" if options.gpus == "none" else "this machine has none"
        raise LitsweepError(
            f"--per-gpu auto needs GPUs, and {what}: leave it out; --gpus none --agents N starts N on the CPU"
        )
    if slices := [name for name in devices if name.startswith("MIG-")]:
        raise LitsweepError(
            f"--per-gpu auto measures whole GPUs, and {slices[0]} is a slice: write a number, as --per-gpu 2"
        )


def _check_numbers(options: LaunchOptions) -> None:
    for name in ("agents", "per_gpu", "per_trial"):
        if (value := getattr(options, name)) != AUTO and value < 1:
            _reject(f"--{name.replace('_', '-')}", "must be at least 1", str(value), "")
    names: Sequence[str] = options.gpus if isinstance(options.gpus, tuple) else ()
    if len(set(names)) < len(names):
        _reject("--gpus", "must name each GPU once", ",".join(names), "use --per-gpu to share a GPU")


def _reject(path: str, rule: str, got: str, fix: str) -> None:
    raise ConfigError("the launch", [Fault(path, rule, got, fix)])


def read_memory(groups: Sequence[Sequence[str]], environ: Mapping[str, str]) -> list[Memory]:
    """Return the memory of each group of GPUs: that of its GPU with the least left.

    A GPU is named by its number or by the first characters of its UUID. Raises LitsweepError if nvidia-smi
    does not say it.
    """
    lines = [re.split(r", *", line.strip()) for line in _answer_of(_QUERY, environ).splitlines()]
    return [min((_memory(name, lines) for name in group), key=lambda memory: memory.left) for group in groups]


def _memory(name: str, lines: Sequence[Sequence[str]]) -> Memory:
    for index, uuid, used, total in (line for line in lines if len(line) == 4):
        if name == index or (name.startswith("GPU-") and uuid.startswith(name)):
            try:
                return Memory(float(used) * _MIB, float(total) * _MIB)
            except ValueError:
                raise LitsweepError(f"nvidia-smi does not know the memory of GPU {name}: {used}") from None
    raise LitsweepError(f"nvidia-smi does not list the memory of GPU {name}")


def mps_note(environ: Mapping[str, str]) -> str:
    """Return a sentence about CUDA MPS. A program uses it without a flag if its control daemon runs."""
    if shutil.which(_MPS, path=environ.get("PATH")) is None:
        return f"runs use each GPU by turns: CUDA MPS is not installed ({_MPS} is not on PATH)"
    with contextlib.suppress(LitsweepError):
        if "Cannot find" not in _answer_of([_MPS], environ, "get_server_list\n"):
            return "runs share each GPU under CUDA MPS, whose daemon runs"
    return f"runs use each GPU by turns: CUDA MPS does not run; `{_MPS} -d` starts it, then launch again"


def _answer_of(argv: Sequence[str], environ: Mapping[str, str], question: str = "") -> str:
    """Return the output of a program. Raises LitsweepError, which begins with its name, if it fails."""
    name = argv[0]
    if shutil.which(name, path=environ.get("PATH")) is None:
        raise LitsweepError(f"{name} is not on PATH")
    try:
        done = subprocess.run(
            argv, input=question, env=dict(environ), capture_output=True, text=True, check=False,
            timeout=_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LitsweepError(f"{name} does not answer: {error}") from error
    if done.returncode != 0:
        raise LitsweepError(f"{name} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout + done.stderr
