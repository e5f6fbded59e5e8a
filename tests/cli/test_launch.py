"""What `litsweep launch` refuses, and what it says at its end."""

import dataclasses

import pytest

from litsweep.cli import main
from litsweep.cli.launch import show_preempted
from litsweep.launch.result import Result

RESULT = Result("me/p/abcd1234", "", "RUNNING", "loss", "minimize", {"preempted": 2}, None, (), False, {}, ())


def test_preempted_runs_are_told_with_the_command_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    show_preempted(RESULT)
    said = "2 runs preempted, with checkpoint: `litsweep launch me/p/abcd1234` goes on\n"
    assert capsys.readouterr().err == said
    show_preempted(dataclasses.replace(RESULT, runs={"finished": 2}))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--time", "1:00:00"], "--time is for --on slurm, this launch is --on local"),
        (["--on", "slurm", "--per-gpu", "2"], "--per-gpu is for --on local, this launch is --on slurm"),
        (["--on", "ray", "--sbatch=--account=lab"], "--sbatch is for --on slurm, this launch is --on ray"),
        (["--gpus-per-agent", "1"], "--gpus-per-agent is for --on slurm and ray"),
        (["--on", "slurm", "--gpus-per-agent", "0.5"], "Slurm gives whole GPUs"),
    ],
)
def test_an_option_without_effect_is_refused(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["launch", "me/p/abcd1234", *options])
    assert said in capsys.readouterr().err
