"""The failure of a run from its exit code and last lines: real exceptions of real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from litsweep.launch.failure import FailureStreak, RunEnd, classify, last_lines
from litsweep.launch.stock import output_of_run
from litsweep.sweep.contract import Failure, Variable, report_failure, reported_failure

PROGRAMS = [
    ("import torch; torch.empty(1 << 60)", Failure.OUT_OF_MEMORY),
    ("import torch; raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')",
     Failure.OUT_OF_MEMORY),
    ("bytearray(1 << 62)", Failure.OUT_OF_MEMORY),
    ("import no_such_module", Failure.CONFIG),
    ("def f(:", Failure.CONFIG),
    ("from litsweep.errors import ConfigError; raise ConfigError('the data', [])", Failure.CONFIG),
    ("import argparse; argparse.ArgumentParser().parse_args(['--nope'])", Failure.CONFIG),
    ("raise ValueError('the loss was odd: ImportError')", Failure.ERROR),
    ("import sys; print('MemoryError-free'); sys.exit(1)", Failure.ERROR),
    ("import os; os.kill(os.getpid(), 9)", Failure.SIGNAL),
    ("import os; os.kill(os.getpid(), 11)", Failure.SIGNAL),
    ("print('fine')", None),
]  # fmt: skip


@pytest.mark.parametrize(("program", "expected"), PROGRAMS)
def test_classes(program: str, expected: Failure | None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.STDOUT, stdout=subprocess.PIPE, check=False
    )
    assert classify(done.returncode, last_lines(done.stdout)) is expected


def test_a_kill_while_the_kernel_ran_out_of_memory_is_out_of_memory() -> None:
    assert classify(-9, "", out_of_host_memory=True) is Failure.OUT_OF_MEMORY
    assert classify(0, "", out_of_host_memory=True) is None


def test_a_reported_failure_wins_over_the_output_but_not_over_a_signal(tmp_path: Path) -> None:
    file = tmp_path / "slot-0.failure"
    assert reported_failure(file) is None
    report_failure(Failure.LOST, {Variable.FAILURE_FILE: str(file)})
    assert file.read_text() == "lost"
    assert classify(1, "MemoryError", reported_failure(file)) is Failure.LOST
    assert classify(2, "", reported_failure(file)) is Failure.LOST
    assert classify(-9, "", reported_failure(file)) is Failure.SIGNAL
    assert classify(0, "", reported_failure(file)) is None
    file.write_text("bad luck")
    assert classify(1, "MemoryError", reported_failure(file)) is Failure.OUT_OF_MEMORY


def test_what_a_program_prints_is_no_report() -> None:
    assert classify(1, "failure          lost") is Failure.ERROR


def test_without_an_agent_no_failure_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report_failure(Failure.ERROR, {})
    assert list(tmp_path.iterdir()) == []


def test_last_lines_leave_out_overwritten_progress() -> None:
    output = b"start\n" + b"".join(b"\r epoch %d" % i for i in range(50)) + b"\nValueError: x\n\n"
    assert last_lines(output) == "start\n epoch 49\nValueError: x"
    assert last_lines(b"\n".join(b"line %d" % i for i in range(99)), 2) == "line 97\nline 98"


def test_last_lines_leave_out_what_the_agent_and_the_client_say() -> None:
    agent = b"2026-11-23 14:12:41,708 - wandb.wandb_agent - INFO - Agent received command: run\n"
    assert last_lines(agent + b"KeyError: 'a'\nwandb: \n") == "KeyError: 'a'"


def test_only_the_last_traceback_counts() -> None:
    tail = (
        "ModuleNotFoundError: No module named 'apex'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "train.py", line 9, in <module>\n'
        "RuntimeError: batch 512 is too large"
    )
    assert classify(1, tail) is Failure.ERROR


@pytest.mark.parametrize(
    "last",
    [
        "RuntimeError: CUDA error: out of memory",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "jaxlib._jax.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes.",
        "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.28 TiB for an array",
    ],
)
def test_a_gpu_or_a_machine_that_is_full_is_out_of_memory(last: str) -> None:
    assert classify(1, last) is Failure.OUT_OF_MEMORY


def test_an_exit_code_beyond_the_signals_is_the_program_s_own() -> None:
    assert classify(255, "", Failure.DIVERGED) is Failure.DIVERGED
    assert classify(255, "") is Failure.ERROR
    assert classify(137, "") is Failure.SIGNAL


def test_what_a_stock_agent_prints_after_the_run_is_not_the_run_s() -> None:
    agent = "2026-11-27 20:41:02,123 - wandb.wandb_agent - INFO - "
    log = f"""{agent}Running runs: ['abc']
torch.OutOfMemoryError: CUDA out of memory.
{agent}Cleaning up finished run: abc
Exception in thread wandb-ServiceFinalizer:
Traceback (most recent call last):
AlreadyJoinedError: Cannot schedule tasks after join().
"""
    tail = last_lines(output_of_run(log.encode()))
    assert tail == "torch.OutOfMemoryError: CUDA out of memory."
    assert classify(1, tail) is Failure.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("ends", "over"),
    [
        ([Failure.ERROR] * 3, True),
        ([Failure.ERROR, Failure.SIGNAL, Failure.OUT_OF_MEMORY], True),
        ([Failure.ERROR, None, Failure.ERROR, Failure.ERROR], False),
        ([Failure.DIVERGED] * 9, False),
    ],
)
def test_only_a_slot_s_own_failures_in_a_row_close_it(ends: list[Failure | None], over: bool) -> None:
    streak = FailureStreak(limit=3)
    for failure in ends:
        streak.add(RunEnd("r", 1, failure))
    assert streak.is_over is over
