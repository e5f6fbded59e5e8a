"""The values that count as a number."""

import numpy as np
import pytest

from litsweep.sweep.values import is_finite

INFINITE = [kind(sign * np.inf) for kind in (np.float16, np.float32, np.float64, float) for sign in (1, -1)]


@pytest.mark.parametrize("value", [0, -1.5, np.int8(3), np.float32(0.5), np.float16(6e4), 2**1023])
def test_finite_numbers_of_all_kinds(value: object) -> None:
    assert is_finite(value)


@pytest.mark.parametrize("value", [*INFINITE, np.float32("nan"), 10**400, True, np.True_, "0.5", None, 1j])
def test_what_is_no_finite_number(value: object) -> None:
    assert not is_finite(value)
