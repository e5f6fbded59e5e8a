"""What `litsweep launch` says at its end."""

import dataclasses

import pytest

from litsweep.cli.launch import show_preempted
from litsweep.launch.result import Result

RESULT = Result("me/p/abcd1234", "", "RUNNING", "loss", "minimize", {"preempted": 2}, None, (), False)


def test_preempted_runs_are_told_with_the_command_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    show_preempted(RESULT)
    said = "2 runs preempted, with checkpoint: `litsweep launch me/p/abcd1234` goes on\n"
    assert capsys.readouterr().err == said
    show_preempted(dataclasses.replace(RESULT, runs={"finished": 2}))
    assert capsys.readouterr().err == ""
