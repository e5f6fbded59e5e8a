"""The colours of charts can be told apart on both backgrounds."""

from itertools import pairwise

import pytest

from litsweep.figures.theme import DARK, LIGHT, SCALE, SERIES, Colours


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_scale_and_series_have_contrast(colours: Colours) -> None:
    low = {role: contrast(colours[role], colours["raised"]) for role in (*SCALE, *SERIES)}
    assert {role: value for role, value in low.items() if value < 3} == {}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_the_scale_gains_contrast_step_by_step_so_that_it_reads_without_hue(colours: Colours) -> None:
    steps = [contrast(colours[role], colours["raised"]) for role in SCALE]
    assert all(later > 1.2 * earlier for earlier, later in pairwise(steps)), steps


def test_both_themes_have_the_same_roles() -> None:
    assert LIGHT.keys() == DARK.keys()
