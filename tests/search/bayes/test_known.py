"""The values of a sweep's parameters that earlier sweeps know."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from litsweep import parse_sweep
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.known import KnownValues
from litsweep.search.bayes.stated import stated_belief
from litsweep.sweep.prior import StatedPrior
from litsweep.sweep.space import SearchSpace

LOG = {"distribution": "log_uniform_values", "min": 0.01, "max": 1.0}
WIDE = {"distribution": "log_uniform_values", "min": 0.001, "max": 10.0}


def space(spec: Mapping[str, Any]) -> SearchSpace:
    return parse_sweep({"method": "random", "parameters": {"x": spec, "z": LOG}}).space


def nearest(new: dict[str, Any], earlier: list[dict[str, Any]], value: object) -> object:
    """Return the known value of x that is nearest to a value."""
    ours = Encoding(space(new))
    row = ours.encode({"x": value, "z": 0.1})
    known = KnownValues.of(ours, [space(spec) for spec in earlier], None)
    return ours.decode(known.nearest(torch.tensor([row], dtype=torch.double))[0])["x"]


@pytest.mark.parametrize(
    ("new", "earlier", "value", "expected"),
    [
        (LOG, [LOG], 0.03, 0.03),
        (WIDE, [LOG], 0.002, 0.01),
        (WIDE, [LOG], 5.0, 1.0),
        (WIDE, [LOG, {**LOG, "max": 5.0}], 9.0, 5.0),
        (WIDE, [{"value": 8.0}, LOG], 8.0, 1.0),
        (LOG, [{"min": 2, "max": 9}], 0.03, 1.0),
        ({"min": 1, "max": 64}, [{"values": [4, 8, 16]}], 30, 16),
        ({"values": [1, 2, 4, 8]}, [{"min": 3.0, "max": 5.0}], 8, 4),
        ({"values": ["a", "b", "c"]}, [{"values": ["b", "c"]}], "c", "c"),
        ({"values": ["a", "b", "c"]}, [{"values": ["b", "c"]}], "a", "b"),
        ({"values": ["a", "b", "c"]}, [{"values": ["d", "e"]}], "c", "c"),
        (WIDE, [{"value": 8.0}, {"value": 2.0}], 0.5, 8.0),
        (LOG, [{"value": 8.0}], 0.5, 0.1),
        ({"values": ["a", "b", "c"]}, [{"value": "b"}], "c", "b"),
        ({"values": ["a", "b", "c"]}, [{"value": "d"}], "c", "c"),
    ],
)
def test_known_value(
    new: dict[str, Any], earlier: list[dict[str, Any]], value: object, expected: object
) -> None:
    found = nearest(new, earlier, value)
    assert found == (pytest.approx(expected, rel=0.01) if isinstance(expected, float) else expected)


def test_new_parameter_has_the_middle() -> None:
    ours = Encoding(space(WIDE))
    earlier = parse_sweep({"method": "random", "parameters": {"z": LOG, "y": LOG}}).space
    known = KnownValues.of(ours, [earlier], None)
    assert known.nearest(torch.tensor([[0.9, 0.25]], dtype=torch.double)).tolist() == [[0.5, 0.25]]


def test_best_guess_is_known() -> None:
    ours = Encoding(space(WIDE))
    belief = stated_belief(ours, {"x": StatedPrior(5.0)})
    known = KnownValues.of(ours, [space(LOG)], belief)
    found = known.nearest(torch.tensor([[1.0, 0.25], [0.0, 0.25]], dtype=torch.double))
    assert [ours.decode(x)["x"] for x in found] == [pytest.approx(5.0), pytest.approx(0.01)]


@pytest.mark.parametrize(
    "spec", [LOG, {"min": 0.0, "max": 1.0}, {"min": 1, "max": 9}, {"values": ["a", "b"]}]
)
def test_same_space_changes_neither_configs_nor_gradients(spec: dict[str, Any]) -> None:
    ours = Encoding(space(spec))
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double, requires_grad=True)
    nearest = KnownValues.of(ours, [space(spec)], None).nearest(x)
    (slope,) = torch.autograd.grad(nearest.sum(), x)
    assert nearest.tolist() == x.tolist()
    assert (slope == 1).all()
