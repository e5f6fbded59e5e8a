"""The precision that `auto` stands for, and whether numbers were finite."""

import math

import pytest
import torch

from litsweep.pipeline.finite import FiniteCheck
from litsweep.pipeline.precision import resolved


@pytest.mark.parametrize(
    ("asked", "accelerator", "has_gpu", "found"),
    [
        ("auto", "auto", True, "bf16-mixed"),
        ("auto", "gpu", True, "bf16-mixed"),
        ("auto", "cpu", True, "32-true"),
        ("auto", "auto", False, "32-true"),
        ("16-mixed", "gpu", True, "16-mixed"),
        (None, "gpu", True, None),
    ],
)
def test_auto_is_bfloat16_on_a_gpu_that_computes_with_it(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, accelerator: str, has_gpu: bool, found: str | None
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_gpu)
    assert resolved(asked, accelerator) == found


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_remembered(bad: float) -> None:
    check = FiniteCheck()
    assert check.is_finite()
    check.record(torch.tensor([1.0, 2.0], requires_grad=True))
    assert check.is_finite() and check.was_finite()
    check.record(torch.tensor(bad, dtype=torch.float16))
    check.record(torch.tensor(1.0))
    assert not check.is_finite() and not check.was_finite()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_largest_numbers_are_finite(dtype: torch.dtype) -> None:
    check = FiniteCheck()
    for _ in range(3):
        check.record(torch.tensor([torch.finfo(dtype).max, torch.finfo(dtype).max], dtype=dtype))
    assert check.is_finite() and check.was_finite()
