"""Random sweep configs and run histories for the comparison with W&B's engine."""

import random
from typing import Any

Json = Any
STATES = ("running", "running", "running", "finished", "crashed", "failed", "killed", "pending", "preempted")
VALUES = (0, 1, 2, 3.0, 0.5, 1e-4, True, False, None, "", "a", "1", [1, 2], {"k": 1}, {"k": 2, "m": "x"})


def grid_case(rng: random.Random) -> Json:
    """Return a grid sweep, of which runs in any state have tried a part. Some runs are not in the grid."""
    parameters = grid_parameters(rng, depth=2)
    config = {"method": "grid", "parameters": parameters}
    return {"ask": "grid", "config": config, "runs": [], "n": rng.choice([1, 3, 400])}


def grid_parameters(rng: random.Random, depth: int) -> Json:
    names = rng.sample(["a", "b", "c.d", "E", "f-1", "_g"], rng.randint(1, 3))
    return {name: grid_parameter(rng, depth) for name in names}


def grid_parameter(rng: random.Random, depth: int) -> Json:
    kind = rng.randrange(5 if depth else 4)
    if kind == 0:
        return {"value": rng.choice(VALUES)}
    if kind == 1:
        low = rng.randint(-3, 3)
        return {"min": low, "max": low + rng.randint(1, 4), "distribution": "int_uniform"}
    if kind == 2:
        low = rng.choice([0, 1, 0.5, -2])
        entry = {"distribution": "q_uniform", "min": low, "max": low + rng.choice([1, 2.5, 4])}
        return entry if rng.random() < 0.3 else {**entry, "q": rng.choice([1, 0.5, 0.25, 2, 0.1])}
    if kind == 3:
        return {"values": [rng.choice(VALUES) for _ in range(rng.randint(1, 5))]}
    return {"parameters": grid_parameters(rng, depth - 1)}


def tried_runs(rng: random.Random, configs: list[Json]) -> list[Json]:
    """Return runs of some of these configs, and perhaps of one that is in no grid."""
    chosen = rng.sample(configs, rng.randint(0, len(configs)))
    chosen += [{"a": "elsewhere"}] * rng.randint(0, 1)
    return [
        {"name": f"r{i}", "state": rng.choice(STATES), "config": config, "history": []}
        for i, config in enumerate(chosen)
    ]


def stop_case(rng: random.Random) -> Json:
    """Return a hyperband rule, and runs with all lengths of history, ties, gaps and non-numeric values."""
    rule: Json = {"type": "hyperband"}
    if rng.random() < 0.5:
        rule |= {"max_iter": rng.randint(4, 100), "s": rng.randint(1, 5)}
    if "s" not in rule or rng.random() < 0.2:
        rule |= {"min_iter": rng.randint(1, 9)}
    if rng.random() < 0.6:
        rule |= {"eta": rng.choice([2, 3, 4, 1.5, 2.7])}
    if rng.random() < 0.5:
        rule |= {"strict": rng.random() < 0.5}
    metric = {"name": "m", **rng.choice([{}, {"goal": "minimize"}, {"goal": "maximize"}])}
    config = {"method": "random", "metric": metric, "early_terminate": rule}
    config["parameters"] = {"a": {"value": 1}}
    runs = [history_run(rng, i) for i in range(rng.randint(1, 25))]
    runs[0]["state"] = "running"
    return {"ask": "stop", "config": config, "runs": runs}


def history_run(rng: random.Random, index: int) -> Json:
    length = rng.choice([0, 1, 2, 3, 9, rng.randint(0, 90)])
    return {
        "name": f"r{index}",
        "state": rng.choice(STATES),
        "config": {"a": 1},
        "history": [row(rng) for _ in range(length)],
    }


def row(rng: random.Random) -> Json:
    kind = rng.random()
    if kind < 0.1:
        return {"other": 1.0}
    if kind < 0.2:
        return {"m": rng.choice([float("nan"), float("inf"), float("-inf"), True, "text", None])}
    return {"m": rng.choice([round(rng.gauss(0, 1), 3), float(rng.randint(0, 3)), rng.randint(0, 3)])}


def distribution_case(rng: random.Random) -> Json:
    """Return one parameter of any of the eighteen distributions."""
    name = rng.choice(list(ENTRIES))
    entry = {"distribution": name, **ENTRIES[name](rng)}
    if name.startswith("q_") and rng.random() < 0.8:
        entry["q"] = rng.choice([1, 2, 0.5, 0.25, 0.1, 3])
    quantiles = [round(rng.random(), 6) for _ in range(50)]
    case = {"ask": "distribution", "entry": entry, "quantiles": quantiles}
    return {**case, "n": 1000, "seed": rng.randrange(2**31)}


def bounds(rng: random.Random) -> Json:
    low = rng.choice([0, -5, 0.5, 1.25, -100.5])
    return {"min": low, "max": low + rng.choice([1, 3, 0.75, 20.5])}


def positive_bounds(rng: random.Random) -> Json:
    low = rng.choice([1e-6, 1e-3, 0.5, 1, 16])
    return {"min": low, "max": low * rng.choice([2, 10, 1000.5])}


def exponents(rng: random.Random) -> Json:
    low = rng.choice([-9, -2.5, 0, 1])
    return {"min": low, "max": low + rng.choice([1, 2.5, 4])}


def normal(rng: random.Random) -> Json:
    keys = {"mu": rng.choice([0, 2, -1.5]), "sigma": rng.choice([1, 0.5, 2.5])}
    return {key: value for key, value in keys.items() if rng.random() < 0.7}


def beta(rng: random.Random) -> Json:
    keys = {"a": rng.choice([1, 2, 0.5, 5]), "b": rng.choice([1, 2, 0.7, 9])}
    return {key: value for key, value in keys.items() if rng.random() < 0.7}


def integers(rng: random.Random) -> Json:
    low = rng.randint(-50, 50)
    return {"min": low, "max": low + rng.choice([1, 2, 9, 100])}


def categories(rng: random.Random) -> Json:
    return {"values": [rng.choice(VALUES) for _ in range(rng.randint(1, 6))]}


def weighted(rng: random.Random) -> Json:
    weights = [rng.choice([0, 1, 1, 2, 5]) for _ in range(rng.randint(1, 6))]
    weights[0] += 1
    return {
        "values": [f"v{i}" for i in range(len(weights))],
        "probabilities": [weight / sum(weights) for weight in weights],
    }


ENTRIES = {
    "constant": lambda rng: {"value": rng.choice(VALUES)},
    "categorical": categories,
    "categorical_w_probabilities": weighted,
    "int_uniform": integers,
    "uniform": bounds,
    "q_uniform": bounds,
    "log_uniform": exponents,
    "inv_log_uniform": exponents,
    "q_log_uniform": exponents,
    "log_uniform_values": positive_bounds,
    "inv_log_uniform_values": positive_bounds,
    "q_log_uniform_values": positive_bounds,
    "normal": normal,
    "q_normal": normal,
    "log_normal": normal,
    "q_log_normal": normal,
    "beta": beta,
    "q_beta": beta,
}
JUNK = (None, True, 0, -1, 2.5, "x", "1e-4", [], {}, [1], {"a": 1})


def schema_case(rng: random.Random) -> Json:
    """Return a sweep config, in most cases with one mistake."""
    method = rng.choice(["random", "bayes", "grid"])
    parameters = grid_parameters(rng, 1) if method == "grid" else mixed_parameters(rng)
    metric = {"name": "m", "goal": "minimize"}
    config: Json = {"method": method, "parameters": parameters, "metric": metric, **rng.choice(MORE)}
    if rng.random() < 0.8:
        spoil(rng, config)
    return {"ask": "schema", "config": config}


HYPERBAND = {"type": "hyperband", "min_iter": 3, "eta": 2, "strict": False}
MORE: tuple[Json, ...] = (
    {},
    {"run_cap": 5, "name": "n"},
    {"command": ["${args}"]},
    {"early_terminate": HYPERBAND},
)


def mixed_parameters(rng: random.Random) -> Json:
    names = rng.sample(sorted(ENTRIES), rng.randint(1, 3))
    return {f"p{i}": {"distribution": name, **ENTRIES[name](rng)} for i, name in enumerate(names)}


def spoil(rng: random.Random, config: Json) -> None:
    """Change, remove or misspell one key at some depth."""
    here, depth = config, rng.randint(0, 2)
    for _ in range(depth):
        inner = [value for value in here.values() if isinstance(value, dict) and value]
        if not inner:
            break
        here = rng.choice(inner)
    key = rng.choice(sorted(here))
    action = rng.randrange(4)
    if action == 0:
        here[key] = rng.choice(JUNK)
    elif action == 1:
        del here[key]
    elif action == 2:
        here[f"{key}s"] = here.pop(key)
    else:
        here[rng.choice(["q", "min", "values", "goal", "sigma", "extra"])] = rng.choice(JUNK)
