"""The translation of configs into the space of an earlier sweep."""

from typing import Any

import pytest
import torch

from litsweep import parse_sweep
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.translation import Translation

LOG = {"distribution": "log_uniform_values", "min": 0.01, "max": 1.0}


def encoding(parameters: dict[str, Any], conditions: dict[str, Any] | None = None) -> Encoding:
    sweep: dict[str, Any] = {"method": "random", "parameters": parameters}
    if conditions:
        sweep["litsweep"] = {"conditions": conditions}
    return Encoding(parse_sweep(sweep).space)


@pytest.mark.parametrize(
    ("new", "old", "value", "expected"),
    [
        (LOG, LOG, 0.02, 0.02),
        ({**LOG, "min": 0.001}, LOG, 0.1, 0.1),
        ({**LOG, "min": 0.001}, LOG, 0.002, 0.01),
        ({"min": 0.0, "max": 1.0}, LOG, 0.5, 0.5),
        ({"min": -1.0, "max": 1.0}, LOG, -1.0, 0.01),
        ({"values": [0.1, 1.0]}, LOG, 0.1, 0.1),
        ({"value": 0.1}, LOG, None, 0.1),
        ({"min": 2, "max": 9}, {"values": [1, 4, 16]}, 4, 4),
        ({"min": 2, "max": 99}, {"min": 1, "max": 8}, 60, 8),
        ({"values": ["a", "b", "c"]}, {"values": ["c", "b"]}, "b", "b"),
        ({"values": ["a", "b", "c"]}, {"values": ["c", "b"]}, "a", "c"),
        ({"values": ["a", "b"]}, LOG, "a", 0.25),
        (LOG, {"values": ["c", "b"]}, 0.1, "c"),
    ],
)
def test_value(new: dict[str, Any], old: dict[str, Any], value: object, expected: object) -> None:
    ours, theirs = encoding({"x": new, "z": LOG}), encoding({"x": old})
    default = theirs.encode({"x": "c" if "c" in old.get("values", ()) else 4 if old != LOG else 0.25})
    assert default is not None
    row = ours.encode({"x": new["value"] if value is None else value, "z": 0.1})
    moved = Translation(ours, theirs, torch.tensor(default).double())(torch.tensor([row]).double())
    found = theirs.decode(moved[0])["x"]
    assert found == (pytest.approx(expected, rel=0.01) if isinstance(expected, float) else expected)


def test_inactive_parameter_takes_the_default() -> None:
    ours = encoding({"kind": {"values": ["a", "b"]}, "x": LOG}, {"x": {"kind": "b"}})
    theirs = encoding({"x": LOG, "y": LOG})
    translate = Translation(ours, theirs, torch.tensor([0.25, 0.75]).double())
    rows = [ours.encode({"kind": "a"}), ours.encode({"kind": "b", "x": 1.0})]
    assert translate(torch.tensor(rows).double()).tolist() == [[0.25, 0.75], [1.0, 0.75]]


def test_gradient_and_batches() -> None:
    ours, theirs = encoding({"x": {"min": 0.0, "max": 1.0}}), encoding({"x": LOG})
    x = torch.rand(3, 2, 1, dtype=torch.double, requires_grad=True)
    moved = Translation(ours, theirs, torch.zeros(1).double())(x)
    assert moved.shape == x.shape
    (slope,) = torch.autograd.grad(moved.sum(), x)
    assert (slope >= 0).all()
    assert (slope > 0).any()
