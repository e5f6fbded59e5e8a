"""BoTorch as its documentation uses it, without tuning: a Gaussian process and log noisy EI."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from problems import Parameters, Problem

if TYPE_CHECKING:
    from botorch.models import SingleTaskGP
    from torch import Tensor

_INITIAL = 5
_RESTARTS, _RAW_SAMPLES, _ITERATIONS = 4, 128, 200


class PlainBotorch:
    """SingleTaskGP with its default priors, q-log-NEI and `optimize_acqf` over the unit cube.

    It starts with 5 scrambled Sobol points, as Ax 1 and litsweep do. Categories are one-hot. A log-uniform
    parameter is searched by its logarithm, an integer as a number that is rounded. Running runs are
    `X_pending`; crashed runs are dropped. `is_warped` adds BoTorch's Kumaraswamy input warp of all numbers,
    with the LogNormal(0, sqrt(.75)) priors of its tutorial. It also adds a Yeo-Johnson transform of the
    objective, fitted for each suggestion.
    """

    def __init__(self, problem: Problem, seed: int, is_warped: bool) -> None:
        self._problem, self._seed, self._is_warped = problem, seed, is_warped
        self._axes = [_Axis(name, spec) for name, spec in problem.sweep["parameters"].items()]
        self._numeric = [not axis.options for axis in self._axes for _ in range(axis.width)]
        self._rows: list[list[float]] = []
        self._values: dict[int, float] = {}
        self._pending: set[int] = set()

    def ask(self) -> tuple[str, dict[str, Any]]:
        """Return the next config. Its handle is its number."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            point = self._propose() if len(self._values) >= _INITIAL else self._sobol()
        parameters = self._decode(point)
        return self._append(parameters), parameters

    def tell(
        self, handle: str, history: Sequence[Mapping[str, float]], failed: bool = False, stopped: bool = False
    ) -> None:
        """Keep the best value, negated if the metric is minimized. A crashed run is dropped."""
        self._pending.discard(int(handle))
        if not failed:
            sign, metric = self._problem.sign, self._problem.metric
            self._values[int(handle)] = max(sign * row[metric] for row in history)

    def add(self, parameters: Parameters, history: Sequence[Mapping[str, float]]) -> None:
        """Add a finished run that the engine did not suggest."""
        self.tell(self._append(parameters), history)

    def report(self, handle: str, history: Sequence[Mapping[str, float]]) -> None:
        pass

    def should_stop(self, handle: str, history: Sequence[Mapping[str, float]]) -> bool:
        """Return False: there is no early stopping."""
        return False

    def close(self) -> None:
        """Do nothing: there is no process."""

    def _append(self, parameters: Parameters) -> str:
        number = len(self._rows)
        self._rows.append([code for axis in self._axes for code in axis.encode(parameters[axis.name])])
        self._pending.add(number)
        return str(number)

    def _sobol(self) -> Tensor:
        import torch

        engine = torch.quasirandom.SobolEngine(len(self._numeric), scramble=True, seed=self._seed)
        return engine.fast_forward(len(self._rows)).draw(1, dtype=torch.double)[0]

    def _propose(self) -> Tensor:
        import torch
        from botorch.acquisition import qLogNoisyExpectedImprovement
        from botorch.optim import optimize_acqf

        torch.manual_seed(1000 * self._seed + len(self._rows))
        x = torch.tensor([self._rows[i] for i in self._values], dtype=torch.double)
        pending = torch.tensor([self._rows[i] for i in sorted(self._pending)], dtype=torch.double)
        acquisition = qLogNoisyExpectedImprovement(
            self._fit(x), X_baseline=x, X_pending=pending if len(pending) else None
        )
        bounds = torch.tensor([[0.0], [1.0]], dtype=torch.double).expand(2, x.shape[1])
        best, _ = optimize_acqf(
            acquisition,
            bounds,
            q=1,
            num_restarts=_RESTARTS,
            raw_samples=_RAW_SAMPLES,
            options={"maxiter": _ITERATIONS},
        )
        return best[0]

    def _fit(self, x: Tensor) -> SingleTaskGP:
        """Return the model of the values at `x`. If BoTorch's fit fails, it has the priors' modes."""
        import torch
        from botorch.exceptions import ModelFittingError
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from gpytorch.mlls import ExactMarginalLogLikelihood

        y = np.array(list(self._values.values()))
        warp = self._warp(x.shape[1]) if self._is_warped else None
        targets = torch.tensor(yeo_johnson(y) if self._is_warped else y, dtype=torch.double)
        model = SingleTaskGP(x, targets[:, None], input_transform=warp)
        with contextlib.suppress(ModelFittingError):
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        return model

    def _warp(self, d: int) -> Any:
        from botorch.models.transforms.input import Warp
        from gpytorch.priors import LogNormalPrior

        prior = LogNormalPrior(0.0, math.sqrt(0.75))
        indices = [i for i, is_numeric in enumerate(self._numeric) if is_numeric]
        return Warp(d, indices, concentration1_prior=prior, concentration0_prior=prior)

    def _decode(self, point: Tensor) -> dict[str, Any]:
        codes = iter(point.tolist())
        return {axis.name: axis.decode([next(codes) for _ in range(axis.width)]) for axis in self._axes}


def yeo_johnson(y: np.ndarray) -> np.ndarray:
    """Return the standardized values, transformed and standardized again; zeros if all are equal."""
    from sklearn.preprocessing import PowerTransformer

    spread = y.std()
    if spread == 0:
        return np.zeros_like(y)
    z = (y - y.mean()) / spread
    return np.asarray(PowerTransformer("yeo-johnson").fit_transform(z[:, None])[:, 0])


class _Axis:
    """One parameter as `width` numbers in [0, 1]."""

    def __init__(self, name: str, spec: Mapping[str, Any]) -> None:
        self.name, self._spec = name, spec
        self.options: list[Any] = list(spec.get("values", []))
        self.width = len(self.options) or 1
        self._is_log = "log" in spec.get("distribution", "")
        self._is_integer = spec.get("distribution") in ("int_uniform", "q_log_uniform_values")

    def encode(self, value: Any) -> list[float]:
        if self.options:
            return [float(option == value) for option in self.options]
        low, high = self._ends()
        return [((math.log(value) if self._is_log else value) - low) / (high - low)]

    def decode(self, codes: Sequence[float]) -> Any:
        if self.options:
            return self.options[int(np.argmax(codes))]
        low, high = self._ends()
        value = low + codes[0] * (high - low)
        value = math.exp(value) if self._is_log else value
        value = min(max(value, self._spec["min"]), self._spec["max"])
        return round(value) if self._is_integer else value

    def _ends(self) -> tuple[float, float]:
        low, high = self._spec["min"], self._spec["max"]
        return (math.log(low), math.log(high)) if self._is_log else (low, high)
