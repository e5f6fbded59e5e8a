"""What NVIDIA's programs say: the memory of the GPUs, and whether CUDA MPS runs."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litsweep.errors import LitsweepError

_QUERY = ["nvidia-smi", "--query-gpu=index,uuid,memory.used,memory.total", "--format=csv,noheader,nounits"]
_MPS = "nvidia-cuda-mps-control"
_SECONDS = 10.0  # for an answer
_MIB = 1 / 1024  # in GiB


@dataclass(frozen=True)
class Memory:
    """The memory of a GPU in GiB."""

    used: float
    total: float


class GpuMemory:
    """Reads the memory of GPUs with nvidia-smi, which is found on the PATH of `environ`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)

    def read(self, groups: Sequence[Sequence[str]]) -> list[Memory]:
        """Return the memory of each group of GPUs: that of its GPU with the least left.

        A GPU is named by its number or by the first characters of its UUID. Raises LitsweepError if
        nvidia-smi does not say it.
        """
        lines = [[cell.strip() for cell in line.split(",")] for line in self._listing().splitlines() if line]
        return [min((_memory(name, lines) for name in group), key=_left) for group in groups]

    def _listing(self) -> str:
        if shutil.which(_QUERY[0], path=self._environ.get("PATH")) is None:
            raise LitsweepError("nvidia-smi is not on PATH")
        try:
            done = subprocess.run(
                _QUERY, env=self._environ, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LitsweepError(f"nvidia-smi does not answer: {error}") from error
        if done.returncode != 0:
            raise LitsweepError(f"nvidia-smi failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout


def _left(memory: Memory) -> float:
    return memory.total - memory.used


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
    if _mps_answers(environ):
        return "runs share each GPU under CUDA MPS, whose daemon runs"
    return f"runs use each GPU by turns: CUDA MPS does not run; `{_MPS} -d` starts it, then launch again"


def _mps_answers(environ: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            [_MPS], input="get_server_list\n", env=dict(environ), capture_output=True, text=True,
            check=False, timeout=_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "Cannot find" not in done.stdout + done.stderr
