"""Errors of the wandb client as messages for users."""

import pytest
import wandb

from litsweep.errors import LitsweepError, client_errors, is_missing_sweep


@pytest.mark.parametrize("error", [wandb.Error("no answer"), ValueError("no answer")])
def test_an_error_of_the_client_is_a_message(error: Exception) -> None:
    message = pytest.raises(LitsweepError, match=r"^cannot read it: no answer$")
    with message, client_errors("cannot read it", ValueError):
        raise error


@pytest.mark.parametrize("error", [ValueError("own"), KeyError("own")])
def test_an_error_of_another_code_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error), match="own"), client_errors("cannot read it"):
        raise error


def test_the_client_s_words_for_a_missing_sweep() -> None:
    assert is_missing_sweep(ValueError("Could not find sweep <Sweep a/b/c>"))
    assert not is_missing_sweep(ValueError("another"))
