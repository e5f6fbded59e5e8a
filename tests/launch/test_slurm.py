"""Launching on a real Slurm of one node."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from litsweep.cli import main
from litsweep.errors import LitsweepError
from litsweep.launch import slurm
from litsweep.launch.protocol import SweepPath
from litsweep.launch.slurm import SlurmOptions
from tests.launch.conftest import MakeBench
from tests.launch.processes import wait_until
from tests.launch.slurm_cluster import SlurmCluster, why_not
from tests.launch.test_pauses import FREEZE, LENGTH, check
from tests.launch.test_pauses import RESUMING as PAUSABLE
from tests.launch.tiny_runs import TINY, ends, starts

# Counts to ten, a number each half second, and goes on from its file when started again after a SIGTERM.
RESUMABLE = """
import os, signal, sys, time, wandb
from pathlib import Path
count = Path("counts", os.environ["WANDB_RUN_ID"])
count.parent.mkdir(exist_ok=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with wandb.init(id=os.environ["WANDB_RUN_ID"], resume="allow") as run:
    first = int(count.read_text()) if count.exists() else 0
    run.summary["resumed_from"] = first
    try:
        for n in range(first, 10):
            run.log({"loss": float(n), "n": n})
            count.write_text(str(n + 1))
            time.sleep(0.5)
    except SystemExit:
        run.mark_preempting()
        raise
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[SlurmCluster]:
    if reason := why_not():
        pytest.skip(reason)
    running = SlurmCluster(tmp_path / "slurm")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.mark.slow
def test_a_requeued_task_s_run_goes_on_where_it_was(bench: MakeBench, cluster: SlurmCluster) -> None:
    made = bench(RESUMABLE, run_cap=8)
    environ = made.environ | cluster.environ
    job = slurm.submit(made.sweep, SlurmOptions(agents=4, time="0:10:00"), environ)
    wait_until(lambda: made.states()["running"] == 4 and len(list(made.folder.glob("counts/*"))) == 4)
    assert {task.state for task in slurm.status(made.sweep, environ)} == {"RUNNING"}
    time.sleep(1)
    cluster.ask("scontrol", "requeue", f"{job}_2")
    wait_until(lambda: made.states()["preempted"] == 1)
    wait_until(lambda: made.states()["finished"] == 8, seconds=90)
    resumed = [run for run in made.runs() if run["summary"]["resumed_from"]]
    assert len(resumed) == 1
    rows = sorted(run["historyLineCount"] for run in made.runs())
    assert (
        rows[1:] == [10] * 7
    )  # the requeued one's last rows may be lost: Slurm ends wandb's process as well
    assert rows[0] >= 8
    wait_until(lambda: slurm.status(made.sweep, environ) == [] or slurm.cancel(made.sweep, environ))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_array_of_64_loses_nothing_when_8_tasks_are_requeued(
    bench: MakeBench, cluster: SlurmCluster
) -> None:
    made = bench(TINY, run_cap=96)
    environ = made.environ | cluster.environ
    job = slurm.submit(made.sweep, SlurmOptions(agents=64), environ)
    wait_until(lambda: made.states()["running"] == 64, seconds=300)
    for task in range(0, 64, 8):
        cluster.ask("scontrol", "requeue", f"{job}_{task}")
    wait_until(lambda: made.states()["preempted"] == 8)
    (made.folder / "release").touch()
    wait_until(lambda: made.states() == {"finished": 96}, seconds=200)
    wait_until(lambda: len(ends(made)) == 96)  # a program notes its end after it has reported it
    wait_until(lambda: slurm.status(made.sweep, environ) == [] or slurm.cancel(made.sweep, environ))
    wait_until(lambda: made.left_over() == [])
    assert Counter(ends(made).values()) == {1: 96}
    assert Counter(starts(made).values()) == {1: 88, 2: 8}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_tasks_go_on_with_paused_runs(bench: MakeBench, cluster: SlurmCluster) -> None:
    made = bench(PAUSABLE, method="bayes", run_cap=3, litsweep=FREEZE)
    environ = made.environ | cluster.environ
    slurm.submit(made.sweep, SlurmOptions(agents=2), environ)
    wait_until(lambda: made.states() == {"finished": 3}, seconds=240)
    wait_until(lambda: slurm.status(made.sweep, environ) == [])
    check(made, "loss", LENGTH)


@pytest.mark.slow
def test_cancel_takes_every_agent_back(bench: MakeBench, cluster: SlurmCluster) -> None:
    made = bench(RESUMABLE)
    environ = made.environ | cluster.environ
    slurm.submit(made.sweep, SlurmOptions(array="0-1"), environ)
    wait_until(lambda: made.states()["running"] == 2)
    assert slurm.cancel(made.sweep, environ) == 2
    wait_until(lambda: slurm.status(made.sweep, environ) == [])
    wait_until(lambda: made.states()["preempted"] == 2)
    assert made.left_over() == []


def test_the_script_asks_for_what_was_asked(tmp_path: Path) -> None:
    options = SlurmOptions(
        agents=64,
        array="0-63%16",
        time="4:00:00",
        partition="gpu",
        gpus_per_agent=2,
        keep_checkpoints=7,
        extra=["--account=lab"],
    )
    text = slurm.script(SweepPath("e", "p", "abc"), options, str(tmp_path))
    for line in (
        "--array=0-63%16",
        "--time=4:00:00",
        "--partition=gpu",
        "--gpus-per-task=2",
        "--account=lab",
    ):
        assert f"#SBATCH {line}\n" in text
    assert "#SBATCH --requeue" in text
    assert "--keep-checkpoints 7 --min-free-gb 1.0" in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0


def test_without_slurm_the_message_says_so(bench: MakeBench) -> None:
    made = bench()
    with pytest.raises(LitsweepError, match="no Slurm on this machine: sbatch"):
        slurm.submit(made.sweep, SlurmOptions(), made.environ | {"PATH": "/nowhere"})


def test_a_server_on_loopback_is_warned_about() -> None:
    environ = {"WANDB_BASE_URL": "http://127.0.0.1:8765", "WANDB_API_KEY": "k" * 40}
    assert "litsweep serve --host 0.0.0.0" in str(slurm.warning(environ))
    assert slurm.warning(environ | {"WANDB_BASE_URL": "http://head:8765"}) is None


@pytest.mark.parametrize(
    ("program", "answer", "said"),
    [
        (
            "squeue",
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
            "squeue failed: Unable to contact slurm controller (connect failure); Slurm's controller does "
            "not answer: repeat the command once `scontrol ping` says that it is up",
        ),
        (
            "scancel",
            "scancel: error: Kill job error on job id 7: Access/permission denied",
            "scancel failed: Kill job error on job id 7: Access/permission denied; only the user who",
        ),
        ("squeue", "squeue: fatal: Could not establish a configuration source", "not set up for Slurm"),
        ("scancel", "slurm_kill_job error: Protocol authentication error", "`munged` must run on it"),
        (
            "squeue",
            "slurm_load_jobs error: Invalid user id",
            "Slurm does not know this user: ask the cluster",
        ),
        ("scancel", "", "scancel failed: exit status 3; correct the options"),
    ],
)
def test_an_error_of_slurm_says_what_is_wrong_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    program: str, answer: str, said: str,
) -> None:  # fmt: skip
    for name in ("squeue", "scancel"):
        fails = f"echo '{answer}' >&2; exit 3" if name == program else "echo '7_0|RUNNING|1:00|node'"
        (tmp_path / name).write_text(f"#!/bin/sh\n{fails}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert main(["cancel", "me/p/abcd1234"]) == 1
    err = capsys.readouterr().err
    assert said in err and "--noheader" not in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Requested node configuration is not available", "lower --gpus-per-agent or --cpus-per-agent"),
        ("User's group not permitted to use this partition", "name one with --partition"),
        (
            "Invalid account or account/partition combination specified",
            "name one with --sbatch=--account=NAME",
        ),
    ],
)
def test_a_refused_job_says_which_option_to_change(answer: str, said: str, tmp_path: Path) -> None:
    refuses = f'#!/bin/sh\necho "sbatch: error: Batch job submission failed: {answer}" >&2; exit 1\n'
    (tmp_path / "sbatch").write_text(refuses)
    (tmp_path / "sbatch").chmod(0o755)
    with pytest.raises(LitsweepError, match=rf"sbatch failed: .*{answer}; .*{said}"):
        slurm._slurm(["sbatch"], {"PATH": f"{tmp_path}:/usr/bin:/bin"})


def test_slurm_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "squeue").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setattr(slurm, "ANSWER_SECONDS", 0.2)
    with pytest.raises(LitsweepError, match=r"squeue has not answered for 0.2 s; .* `scontrol ping`"):
        slurm.status("me/p/abcd1234", {"PATH": f"{tmp_path}:/usr/bin:/bin"})
