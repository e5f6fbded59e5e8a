"""The problems for the search engines: each is a W&B sweep config and a function to evaluate."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from fronts import Box

Parameters = Mapping[str, Any]
Row = dict[str, float]

LCBENCH_DEVELOPMENT = ("167168", "189873", "189906", "3945", "126026", "168330", "7593", "189866")
XGBOOST_DEVELOPMENT = ("12", "1501", "16", "40499")
POOL = 40_000
"""Random configs that define a surrogate problem's median and cap."""


class CrashError(Exception):
    """The run of these parameters crashes before it logs anything."""


@dataclass(frozen=True)
class Problem:
    """A problem: a sweep config, and functions that evaluate a config.

    `run(parameters)` returns the history of one run, rows of {metric: value}, or raises CrashError.
    `truth(parameters)` is the objective without noise, from which regret is computed. With several metrics it
    is the share of `box` that the front dominates, and the metric is the first one. `batch`, if there is one,
    evaluates many configs at once, shape `n` or `n x m`. It is used for the random configs that define the
    median and the best known value. `best` is the known optimum. `conditions` maps a parameter to its parent
    and the parent's values for which it is active. `first(seed)` returns the configs with which a sweep with
    this seed starts, for every engine. `earlier(seed)` returns earlier sweeps, for engines that learn from
    them. `seconds`, if there are any, is the duration of a run; a sweep then has a budget of time.
    """

    name: str
    sweep: Mapping[str, Any]
    run: Callable[[Parameters], list[Row]]
    truth: Callable[[Parameters], float]
    batch: Callable[[list[Parameters]], np.ndarray] | None = None
    pool: int = POOL
    epochs: int = 1
    best: float | None = None
    conditions: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    first: Callable[[int], list[Parameters]] = lambda seed: []
    earlier: Callable[[int], list[Any]] = lambda seed: []
    box: Box | None = None
    seconds: Callable[[Parameters], float] | None = None

    @property
    def signs(self) -> dict[str, float]:
        """+1 for each metric that is maximized, -1 for each that is minimized."""
        metrics = self.sweep.get("metrics") or [self.sweep["metric"]]
        return {metric["name"]: 1.0 if metric["goal"] == "maximize" else -1.0 for metric in metrics}

    @property
    def metric(self) -> str:
        """The first metric."""
        return next(iter(self.signs))

    @property
    def sign(self) -> float:
        """The sign of the first metric."""
        return self.signs[self.metric]


def sample(parameters: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return a random config, without litsweep's sampler, so that the scales depend on no engine."""
    return {name: _draw(spec, rng.random()) for name, spec in parameters.items()}


def _draw(spec: Mapping[str, Any], u: float) -> Any:
    if "value" in spec:
        return spec["value"]
    if "values" in spec:
        return spec["values"][int(u * len(spec["values"]))]
    low, high = spec["min"], spec["max"]
    match spec.get("distribution"):
        case "int_uniform":
            return int(low + math.floor(u * (high - low + 1)))
        case "log_uniform_values":
            return low * (high / low) ** u
        case "q_log_uniform_values":
            return round(low * (high / low) ** u)
        case _:
            return low + u * (high - low)


# --- YAHPO Gym (Pfisterer et al. 2022) ---


class Yahpo:
    """One scenario of YAHPO Gym: a neural network that predicts the results in a large table of trainings."""

    def __init__(
        self, folder: Path, categories: tuple[str, ...], order: tuple[str, ...], targets: tuple[str, ...]
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        encoding = json.loads((folder / "encoding.json").read_text())
        self._encoding = {name: encoding[name] for name in categories}
        self._order, self._targets = order, targets

    def __call__(self, configs: list[Parameters], target: str) -> np.ndarray:
        """Return the values of `target`, shape `len(configs)`; missing parameters are inactive."""
        cat = [[codes[str(c.get(k, "#na#"))] for k, codes in self._encoding.items()] for c in configs]
        cont = [[float(c.get(k, 0.0)) for k in self._order] for c in configs]
        names = [i.name for i in self._session.get_inputs()]
        feed = {names[0]: np.array(cat, np.int32), names[1]: np.array(cont, np.float32)}
        output = self._session.run(None, feed)[0]
        return np.asarray(output[:, self._targets.index(target)], float)


@cache
def _lcbench(data: Path) -> Yahpo:
    order = "epoch batch_size learning_rate momentum weight_decay num_layers max_units max_dropout"
    targets = (
        "time val_accuracy val_cross_entropy val_balanced_accuracy test_cross_entropy test_balanced_accuracy"
    )
    return Yahpo(data / "lcbench", ("OpenML_task_id",), tuple(order.split()), tuple(targets.split()))


LCBENCH = {
    "batch_size": {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 1},
    "learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 0.1},
    "max_dropout": {"distribution": "uniform", "min": 0.0, "max": 1.0},
    "max_units": {"distribution": "q_log_uniform_values", "min": 64, "max": 1024, "q": 1},
    "momentum": {"distribution": "uniform", "min": 0.1, "max": 0.99},
    "num_layers": {"distribution": "int_uniform", "min": 1, "max": 5},
    "weight_decay": {"distribution": "uniform", "min": 1e-5, "max": 0.1},
}


def lcbench(
    data: Path,
    task: str,
    curves: bool = False,
    stopping: bool = False,
    noise: float = 0.0,
    seed: int = 0,
) -> Problem:
    """Neural networks of LCBench (Zimmer et al. 2021) on one OpenML task.

    With `curves` a run logs every epoch, otherwise only the last. `stopping` adds W&B's hyperband rule.
    `noise` has the unit of the metric.
    """
    epochs = 52

    def values(configs: list[Parameters]) -> np.ndarray:
        return model([{**c, "OpenML_task_id": task, "epoch": epochs} for c in configs], "val_accuracy")

    def run(parameters: Parameters) -> list[Row]:
        if not curves:
            return [{"val_accuracy": truth(parameters) + noise * _normal(parameters, seed)}]
        steps = [{**parameters, "OpenML_task_id": task, "epoch": e} for e in range(1, epochs + 1)]
        return [{"val_accuracy": float(v)} for v in model(steps, "val_accuracy")]

    def truth(parameters: Parameters) -> float:
        return float(values([parameters])[0])

    model = _lcbench(data)
    sweep: dict[str, Any] = {
        "method": "bayes",
        "metric": {"name": "val_accuracy", "goal": "maximize"},
        "parameters": LCBENCH,
    }
    if stopping:
        sweep["early_terminate"] = {"type": "hyperband", "min_iter": 3, "eta": 3}
    name = f"lcbench-{task}" + ("-curves" if curves else "") + ("-noise" if noise else "")
    return Problem(name, sweep, run, truth, values, epochs=epochs if stopping else 1)


def lcbench_timed(data: Path, task: str) -> Problem:
    """LCBench's neural networks with the training time of each config."""
    model = _lcbench(data)

    def seconds(parameters: Parameters) -> float:
        return max(float(model([{**parameters, "OpenML_task_id": task, "epoch": 52}], "time")[0]), 1.0)

    return replace(lcbench(data, task), seconds=seconds)


def lcbench_pareto(data: Path, task: str) -> Problem:
    """Accuracy and training time of LCBench's neural networks together."""
    metrics = [{"name": "val_accuracy", "goal": "maximize"}, {"name": "time", "goal": "minimize"}]
    model = _lcbench(data)

    def values(configs: list[Parameters]) -> np.ndarray:
        full = [{**c, "OpenML_task_id": task, "epoch": 52} for c in configs]
        return np.stack([model(full, metric["name"]) for metric in metrics], -1)

    def run(parameters: Parameters) -> list[Row]:
        accuracy, time = values([parameters])[0]
        return [{"val_accuracy": float(accuracy), "time": float(time)}]

    rng = np.random.default_rng(1)
    box = Box.of(values([sample(LCBENCH, rng) for _ in range(POOL)]) * [1, -1])
    sweep = {"method": "bayes", "metrics": metrics, "parameters": LCBENCH}
    return Problem(f"lcbench-{task}-pareto", sweep, run, lambda p: run(p)[0]["val_accuracy"], values, box=box)


def lcbench_model(data: Path) -> Yahpo:
    """Return the surrogate of LCBench."""
    return _lcbench(data)


def normals(parameters: Parameters, seed: int, n: int) -> np.ndarray:
    """Return standard normal noise of `n` values that depends only on the config and the seed."""
    text = json.dumps([sorted(parameters.items()), seed])
    return np.random.default_rng(zlib.crc32(text.encode())).standard_normal(n)


def _normal(parameters: Parameters, seed: int) -> float:
    """Return standard normal noise that depends only on the config and the seed: a repeated run is equal."""
    return float(normals(parameters, seed, 1)[0])


@cache
def _xgboost(data: Path) -> Yahpo:
    order = (
        "nrounds eta gamma lambda alpha subsample max_depth min_child_weight colsample_bytree "
        "colsample_bylevel rate_drop skip_drop trainsize repl"
    )
    targets = "acc bac auc brier f1 logloss timetrain timepredict memory"
    return Yahpo(
        data / "rbv2_xgboost",
        ("task_id", "booster", "num.impute.selected.cpo"),
        tuple(order.split()),
        tuple(targets.split()),
    )


_TREES = ["gbtree", "dart"]
XGBOOST_ACTIVE = {
    "colsample_bylevel": _TREES,
    "colsample_bytree": _TREES,
    "eta": _TREES,
    "gamma": _TREES,
    "max_depth": _TREES,
    "min_child_weight": _TREES,
    "rate_drop": ["dart"],
    "skip_drop": ["dart"],
}
"""The boosters for which a hyperparameter has an effect."""


def _log(low: float, high: float) -> dict[str, Any]:
    return {"distribution": "log_uniform_values", "min": low, "max": high}


def _uniform(low: float, high: float) -> dict[str, Any]:
    return {"distribution": "uniform", "min": low, "max": high}


XGBOOST = {
    "alpha": _log(0.0009118819655545162, 1096.6331584284585),
    "booster": {"values": ["gblinear", "gbtree", "dart"]},
    "colsample_bylevel": _uniform(0.01, 1.0),
    "colsample_bytree": _uniform(0.01, 1.0),
    "eta": _log(0.0009118819655545162, 1.0),
    "gamma": _log(4.5399929762484854e-05, 7.38905609893065),
    "lambda": _log(0.0009118819655545162, 1096.6331584284585),
    "max_depth": {"distribution": "int_uniform", "min": 1, "max": 15},
    "min_child_weight": _log(2.718281828459045, 148.4131591025766),
    "nrounds": {"distribution": "q_log_uniform_values", "min": 7, "max": 2981, "q": 1},
    "num.impute.selected.cpo": {"values": ["impute.mean", "impute.median", "impute.hist"]},
    "rate_drop": _uniform(0.0, 1.0),
    "skip_drop": _uniform(0.0, 1.0),
    "subsample": _uniform(0.1, 1.0),
}


def xgboost(data: Path, task: str) -> Problem:
    """XGBoost on one OpenML task (RandomBot v2, Binder et al. 2020): mixed and conditional parameters."""
    model = _xgboost(data)

    def values(configs: list[Parameters]) -> np.ndarray:
        return model([_active(c, task) for c in configs], "acc")

    def truth(parameters: Parameters) -> float:
        return float(values([parameters])[0])

    sweep = {"method": "bayes", "metric": {"name": "acc", "goal": "maximize"}, "parameters": XGBOOST}
    return Problem(
        f"rbv2_xgboost-{task}",
        sweep,
        lambda p: [{"acc": truth(p)}],
        truth,
        values,
        conditions={k: {"booster": values} for k, values in XGBOOST_ACTIVE.items()},
    )


def _active(parameters: Parameters, task: str) -> dict[str, Any]:
    booster = parameters["booster"]
    kept = {k: v for k, v in parameters.items() if booster in XGBOOST_ACTIVE.get(k, [booster])}
    return {**kept, "task_id": task, "trainsize": 1.0, "repl": 10}


def tasks(data: Path, scenario: str) -> list[str]:
    """Return all datasets of a scenario."""
    space = json.loads((data / scenario / "config_space.json").read_text())
    names = {"lcbench": "OpenML_task_id", "rbv2_xgboost": "task_id"}
    (found,) = (h["choices"] for h in space["hyperparameters"] if h["name"] == names[scenario])
    return list(found)


# --- A space of which 40 % crashes, including its best region ---


def crashing() -> Problem:
    """Maximize a peak at which every run crashes (a > 0.6); the best score of a run that succeeds is 9.2."""

    def run(parameters: Parameters) -> list[Row]:
        if parameters["a"] > 0.6:
            raise CrashError
        return [{"score": truth(parameters)}]

    def truth(p: Parameters) -> float:
        loss = 20 * (p["a"] - 0.8) ** 2 + (math.log10(p["b"]) + 2) ** 2
        loss += 0.3 * abs(p["c"] - 3) + 0.2 * abs(math.log2(p["d"]) - 7)
        return float(10 - loss - {"x": 1.0, "y": 0.0, "z": 0.5}[p["e"]])

    parameters = {
        "a": _uniform(0.0, 1.0),
        "b": _log(1e-4, 0.1),
        "c": {"distribution": "int_uniform", "min": 1, "max": 5},
        "d": {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 1},
        "e": {"values": ["x", "y", "z"]},
    }
    sweep = {"method": "bayes", "metric": {"name": "score", "goal": "maximize"}, "parameters": parameters}
    return Problem("crashing", sweep, run, truth, best=9.2)


# --- Smooth functions with known optima, mostly inside the space ---

SYNTHETIC = {"Hartmann": 6, "Levy": 5, "Ackley": 4, "Rosenbrock": 4, "StyblinskiTang": 5}


def synthetic(name: str) -> Problem:
    """One of BoTorch's test functions, to be minimized."""
    import torch
    from botorch import test_functions

    function = getattr(test_functions, name)(SYNTHETIC[name])

    def truth(p: Parameters) -> float:
        return float(function(torch.tensor(list(p.values()), dtype=torch.double)))

    bounds = enumerate(function.bounds.T.tolist())
    sweep = {
        "method": "bayes",
        "metric": {"name": "value", "goal": "minimize"},
        "parameters": {f"x{i}": _uniform(low, high) for i, (low, high) in bounds},
    }
    best = float(function.optimal_value)
    return Problem(name, sweep, lambda p: [{"value": truth(p)}], truth, pool=4_000, best=best)


# --- Real models on data that scikit-learn bundles: no download ---


def _cross_validated(name: str, parameters: dict[str, Any], build: Callable[[Parameters], Any]) -> Problem:
    from sklearn import datasets
    from sklearn.model_selection import cross_val_score

    data, target = getattr(datasets, f"load_{name.split('-')[1]}")(return_X_y=True)

    def truth(p: Parameters) -> float:
        scores = cross_val_score(build(p), data, target, cv=3, scoring="neg_log_loss")
        return float(-scores.mean())

    sweep = {"method": "bayes", "metric": {"name": "log_loss", "goal": "minimize"}, "parameters": parameters}
    return Problem(name, sweep, lambda p: [{"log_loss": truth(p)}], truth, pool=300)


def boosting_breast_cancer() -> Problem:
    """Gradient boosting on the Wisconsin breast cancer data: log loss of 3-fold cross-validation."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    parameters = {
        "learning_rate": _log(1e-3, 1.0),
        "max_iter": {"distribution": "q_log_uniform_values", "min": 5, "max": 100, "q": 1},
        "max_leaf_nodes": {"distribution": "q_log_uniform_values", "min": 2, "max": 64, "q": 1},
        "min_samples_leaf": {"distribution": "q_log_uniform_values", "min": 1, "max": 100, "q": 1},
        "l2_regularization": _log(1e-6, 100.0),
        "max_features": _uniform(0.05, 1.0),
    }
    return _cross_validated(
        "boosting-breast_cancer", parameters, lambda p: HistGradientBoostingClassifier(**p, random_state=0)
    )


def svm_wine() -> Problem:
    """A support vector machine on the wine data, calibrated: the kernel and the parameters of each kernel."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    parameters = {
        "C": _log(1e-3, 1e3),
        "kernel": {"values": ["linear", "rbf", "poly", "sigmoid"]},
        "gamma": _log(1e-6, 1.0),
        "degree": {"distribution": "int_uniform", "min": 2, "max": 5},
        "coef0": _uniform(0.0, 5.0),
        "shrinking": {"values": [True, False]},
    }

    def build(p: Parameters) -> Any:
        machine = make_pipeline(StandardScaler(), SVC(**p))
        return CalibratedClassifierCV(machine, cv=3)

    return _cross_validated("svm-wine", parameters, build)
