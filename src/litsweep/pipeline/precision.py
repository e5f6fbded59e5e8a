"""The precision of training: `auto` is bfloat16 where the device computes with it, else float32."""

from typing import Any

import torch

AUTO = "auto"


def resolved(precision: Any, accelerator: object = "auto") -> Any:
    """Return the precision for Lightning's Trainer on an accelerator. Any value but `auto` stays as it is."""
    if precision != AUTO:
        return precision
    has_gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    has_bfloat16 = has_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if has_bfloat16 else "32-true"
