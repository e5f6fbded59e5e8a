"""The initial design of a sweep."""

from typing import Any

import torch
from torch import Tensor

from litsweep.search.bayes.design import InitialDesign
from litsweep.search.bayes.encoding import Encoding
from litsweep.sweep.config import parse_sweep

FOUR = {name: {"min": 0.0, "max": 1.0} for name in "abcd"}


def encoded(parameters: dict[str, Any]) -> Encoding:
    return Encoding(parse_sweep({"method": "random", "parameters": parameters}).space)


def start(encoding: Encoding, n: int, ended: int = 0) -> Tensor:
    """Return the successive configs of the design, with this number of ended runs."""
    design, rows = InitialDesign(encoding, seed=0), []
    tried: set[tuple[float, ...]] = set()
    for position in range(n):
        x = design.next_config(position, tried, ended)
        assert x is not None
        tried.add(encoding.identity(x))
        rows.append(x)
    return torch.stack(rows)


def test_with_many_agents_every_second_config_lies_at_the_edges() -> None:
    x = start(encoded(FOUR), 12)
    ends = ((x < 1e-6) | (x > 1 - 1e-6)).sum(-1)
    assert (ends[[2, 4, 6]] >= 2).all()
    assert ends.sum() == ends[[2, 4, 6]].sum()


def test_with_one_agent_all_lie_inside() -> None:
    x = start(encoded(FOUR), 12, ended=2)
    assert ((x > 1e-6) & (x < 1 - 1e-6)).all()


def test_edges_lie_apart() -> None:
    edges = start(encoded(FOUR), 8)[[2, 4, 6]].round()
    assert (torch.cdist(edges, edges, p=0) + 4 * torch.eye(3) >= 2).all()


def test_one_parameter_has_no_edges_to_learn_a_trend_from() -> None:
    x = start(encoded({"a": {"min": 0.0, "max": 1.0}}), 8)
    assert ((x > 1e-6) & (x < 1 - 1e-6)).all()


def test_categories_and_integers_have_edges_too() -> None:
    encoding = encoded({**FOUR, "act": {"values": ["relu", "gelu"]}, "layers": {"min": 1, "max": 5}})
    values = [encoding.decode(x) for x in start(encoding, 11)[2::2]]
    assert {value["act"] for value in values} == {"relu", "gelu"}
    assert {value["layers"] for value in values} == {1, 5}


def test_a_large_space_of_which_most_is_improbable_has_no_end() -> None:
    """Draws by probability would repeat a few dozen of the 177,147 configs."""
    skewed = {"values": ["a", "b", "c"], "probabilities": [0.98, 0.01, 0.01]}
    x = start(encoded({f"p{i}": skewed for i in range(11)}), 100)
    assert len({tuple(row) for row in x.tolist()}) == 100
