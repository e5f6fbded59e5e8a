"""HEBO (Cowen-Rivers et al. 2022) with its default settings, one suggestion at a time.

It drops failed runs, as `HEBO.observe` itself drops values that are not finite. It does not know the
running runs.
"""

import numpy as np
import pandas as pd
import torch
from answers import plain, serve
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO
from pymoo.config import Config

Config.warnings["not_compiled"] = False


class Engine:
    def __init__(self, parameters, seed):
        np.random.seed(seed)
        torch.manual_seed(seed)
        self.engine = HEBO(DesignSpace().parse([described(p) for p in parameters]), scramble_seed=seed)
        self.running = {}
        self.count = 0

    def suggest(self):
        rows = self.engine.suggest(n_suggestions=1)
        handle = str(self.count)
        self.count += 1
        self.running[handle] = rows
        return {"handle": handle, "parameters": {k: plain(v) for k, v in rows.iloc[0].items()}}

    def tell(self, handle, cost):
        rows = self.running.pop(handle)
        if cost is not None:
            self.engine.observe(rows, np.array([[cost]]))

    def add(self, parameters, cost):
        if cost is not None:
            self.engine.observe(pd.DataFrame([parameters]), np.array([[cost]]))


def described(parameter):
    name, kind = parameter["name"], parameter["kind"]
    if kind == "category":
        return {"name": name, "type": "cat", "categories": parameter["options"]}
    types = {("float", False): "num", ("float", True): "pow", ("int", False): "int", ("int", True): "pow_int"}
    ends = {"lb": parameter["low"], "ub": parameter["high"]}
    return {"name": name, "type": types[kind, parameter["log"]], **ends}


if __name__ == "__main__":
    serve(Engine)
