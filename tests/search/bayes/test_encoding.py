"""The encoding of configs as rows, and the decoding, for every kind of parameter."""

import math

import pytest
import torch

from litsweep.search.bayes.encoding import Encoding
from litsweep.sweep.config import parse_sweep

PARAMETERS = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
    "layers": {"distribution": "int_uniform", "min": 1, "max": 4},
    "units": {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 1},
    "steps": {"distribution": "q_uniform", "min": 0, "max": 1e6, "q": 1},
    "width": {"values": [64, 32, 16]},
    "flag": {"values": [True, False]},
    "odd": {"values": ["", 0, False, None]},
    "decay": {"distribution": "normal", "mu": 1.0, "sigma": 0.1},
    "epochs": {"value": 3},
    "optimizer": {"values": ["adam", "sgd"]},
    "momentum": {"min": 0.0, "max": 1.0},
}
CONDITIONS = {"conditions": {"momentum": {"optimizer": "sgd"}}}
ENCODING = Encoding(
    parse_sweep(
        {"method": "bayes", "metric": {"name": "loss"}, "parameters": PARAMETERS, "litsweep": CONDITIONS}
    ).space
)


def configs(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return ENCODING.from_quantiles(torch.rand(n, ENCODING.d, generator=generator, dtype=torch.double))


def test_every_config_comes_back_from_its_row() -> None:
    for x in configs(200):
        parameters = ENCODING.decode(x)
        row = ENCODING.encode(parameters)
        assert row is not None
        assert ENCODING.decode(torch.tensor(row, dtype=torch.double)) == pytest.approx(parameters)
        assert torch.allclose(torch.tensor(row, dtype=torch.double), x, atol=1e-6)


def test_false_zero_none_and_empty_text_are_different_categories() -> None:
    """W&B's engine treats the first three as equal."""
    (odd,) = (dim for dim in ENCODING.dimensions if dim.name == "odd")
    assert sorted(code for v in ("", 0, False, None) if (code := odd.encode(v)) is not None) == [0, 1, 2, 3]


def test_numbers_are_on_the_scale_of_their_distribution() -> None:
    codes = {dim.name: dim.encode for dim in ENCODING.dimensions}
    assert codes["lr"](1e-3) == pytest.approx(0.4)
    assert codes["layers"](1) == pytest.approx(0.125)
    assert codes["decay"](1.0) == pytest.approx(0.5)
    assert sorted(codes["width"](value) or 0 for value in (16, 32, 64)) == pytest.approx(
        [1 / 6, 1 / 2, 5 / 6]
    )


def test_constants_have_no_dimension_and_are_in_every_config() -> None:
    assert "epochs" not in [dim.name for dim in ENCODING.dimensions]
    assert ENCODING.decode(configs(1)[0])["epochs"] == 3


def test_an_inactive_parameter_is_left_out_and_rests() -> None:
    rows = configs(50)
    by_name = {dim.name: j for j, dim in enumerate(ENCODING.dimensions)}
    for x in rows:
        is_sgd = ENCODING.decode(x)["optimizer"] == "sgd"
        assert ("momentum" in ENCODING.decode(x)) == is_sgd
        if not is_sgd:
            assert x[by_name["momentum"]] == 0.5


@pytest.mark.parametrize("change", [{"lr": 2.0}, {"lr": "fast"}, {"flag": 1}, {"layers": 2.5}, {"epochs": 4}])
def test_a_config_of_another_space_has_no_row(change: dict[str, object]) -> None:
    assert ENCODING.encode({**ENCODING.decode(configs(1)[0]), **change}) is None


def test_snapping_gives_only_values_that_exist() -> None:
    wild = torch.rand(100, ENCODING.d, dtype=torch.double, generator=torch.Generator().manual_seed(1)) * 3 - 1
    wild[:, ENCODING.is_category] = 0
    for x in ENCODING.snap(wild):
        assert ENCODING.space.contains(ENCODING.decode(x))


def test_all_configs_of_a_finite_space_are_listed_once() -> None:
    space = parse_sweep(
        {
            "method": "bayes",
            "metric": {"name": "loss"},
            "parameters": {"a": {"values": [1, 2]}, "b": {"values": ["x", "y"]}, "c": {"values": ["p", "q"]}},
            "litsweep": {"conditions": {"c": {"b": "y"}}},
        }
    ).space
    encoding = Encoding(space)
    assert len(encoding.all_configs()) == space.size == 6
    assert math.isinf(ENCODING.space.size)


def test_all_configs_are_few_where_conditions_leave_few_of_the_product() -> None:
    """There are 80. The product of all parameters has 8e8 configs, which do not fit into memory."""
    names = "abcdefgh"
    space = parse_sweep(
        {
            "method": "bayes",
            "metric": {"name": "loss"},
            "parameters": {
                "optimizer": {"values": [*names]},
                **{f"{name}_lr": {"min": 1, "max": 10} for name in names},
            },
            "litsweep": {"conditions": {f"{name}_lr": {"optimizer": name} for name in names}},
        }
    ).space
    assert len(Encoding(space).all_configs()) == space.size == 80
