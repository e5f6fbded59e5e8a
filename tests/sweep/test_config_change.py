"""A change of a sweep's config: the differences, and `litsweep: defaults`."""

import pytest

from litsweep.errors import ConfigError
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.config_change import differences, may_reopen

OLD = """
method: random
run_cap: 10
parameters:
  lr: {min: 0.1, max: 1.0}
  width: {values: [8, 16]}
  model: {parameters: {depth: {value: 2}}}
"""


@pytest.mark.parametrize(
    ("before", "after", "expected", "is_of_search"),
    [
        ("max: 1.0", "max: 2.0", ["parameters.lr.max: 1.0 -> 2.0"], True),
        ("[8, 16]", "[8, 16, 32]", ["parameters.width.values: '[8, 16]' -> '[8, 16, 32]'"], True),
        ("value: 2", "value: 2.0", ["parameters.model.parameters.depth.value: 2 -> 2.0"], True),
        ("  width: {values: [8, 16]}\n", "", ["parameters.width: removed '{values: [8, 16]}'"], True),
        ("run_cap: 10", "run_cap: 10\nname: x", ["name: added x"], False),
        ("max: 1.0}", "max: 1.0, distribution: uniform}  # as the client writes it", [], False),
        ("method: random\nrun_cap: 10\n", "run_cap: 10\nmethod: random\n", [], False),
    ],
)
def test_differences_are_lines(before: str, after: str, expected: list[str], is_of_search: bool) -> None:
    old, new = parse_sweep(OLD), parse_sweep(OLD.replace(before, after))
    assert differences(old, new) == [line.replace("'", "") for line in expected]
    assert may_reopen(old, new) is is_of_search


def test_defaults_are_values_of_parameters() -> None:
    parsed = parse_sweep(OLD + "litsweep: {defaults: {lr: 0.5, model.depth: 2}}")
    assert parsed.defaults == {"lr": 0.5, "model.depth": 2}
    warned = parse_sweep(OLD + "litsweep: {defaults: {width: 9}}").local_warnings
    assert warned == (
        "litsweep.defaults.width: the search does not use runs with it, because parameters.width excludes it",
    )
    for text, message in (
        (
            "{defaults: {witdh: 8}}",
            "litsweep.defaults.witdh: is not a parameter of this sweep, got 8; did you mean",
        ),
        ("{defaults: 3}", "litsweep.defaults: must be a mapping"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_sweep(OLD + f"litsweep: {text}")
        assert message in str(caught.value)
