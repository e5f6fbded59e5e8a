"""Whether the numbers of a training were finite, asked without waiting for a GPU."""

import torch
from torch import Tensor


class FiniteCheck:
    """Records numbers on their device. Zero times a finite number is zero, and of any other it is NaN."""

    def __init__(self) -> None:
        self._zero: Tensor | None = None
        self._copy: Tensor | None = None
        self._copied: torch.cuda.Event | None = None
        self._was_finite = True

    def record(self, number: Tensor) -> None:
        """Record a number, a tensor of any shape."""
        zero = (number.detach() * 0.0).sum()
        self._zero = zero if self._zero is None else self._zero.to(zero.device) + zero

    def is_finite(self) -> bool:
        """Return whether all numbers so far are finite. Wait for the device if that is not known yet."""
        return self._zero is None or bool(torch.isfinite(self._zero))

    def was_finite(self) -> bool:
        """Return whether the numbers were finite at an earlier call. Do not wait for a GPU."""
        if self._zero is None or not self._zero.is_cuda:
            return self.is_finite()
        if self._copied is None:
            self._copy = torch.empty((), pin_memory=True) if self._copy is None else self._copy
            self._copy.copy_(self._zero, non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()
        elif self._copied.query() and self._copy is not None:  # type: ignore[no-untyped-call]
            self._was_finite = bool(torch.isfinite(self._copy))
            self._copied = None
        return self._was_finite
