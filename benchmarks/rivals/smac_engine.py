"""SMAC (Lindauer et al. 2022): the facade for hyperparameter optimization, a random forest with log EI.

Its settings are the defaults for a budget of 50, so at most a quarter of 50 are the initial design. Every
config is evaluated once (`deterministic`). A failed run gets the status CRASHED and the worst cost so far,
which the model uses; those that fail before the first success wait for it.
"""

import tempfile
from pathlib import Path

from answers import plain, serve
from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, Integer
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue
from smac.runhistory.enumerations import StatusType

BUDGET = 50


class Engine:
    def __init__(self, parameters, seed):
        self.space = ConfigurationSpace(seed=seed)
        self.space.add([described(parameter) for parameter in parameters])
        self.folder = tempfile.TemporaryDirectory()  # SMAC insists on one
        folder = Path(self.folder.name)
        scenario = Scenario(
            self.space, n_trials=100_000, deterministic=True, seed=seed, output_directory=folder
        )
        facade = HyperparameterOptimizationFacade
        design = facade.get_initial_design(
            scenario, n_configs=min(BUDGET // 4, 10 * len(parameters)), max_ratio=1.0
        )
        self.engine = facade(
            scenario, lambda config, seed=0: 0.0, initial_design=design, overwrite=True, logging_level=False
        )
        self.running, self.failed, self.worst = {}, [], None
        self.count = 0

    def suggest(self):
        trial = self.engine.ask()
        handle = str(self.count)
        self.count += 1
        self.running[handle] = trial
        return {"handle": handle, "parameters": {k: plain(v) for k, v in dict(trial.config).items()}}

    def tell(self, handle, cost):
        self.end(self.running.pop(handle), cost)

    def add(self, parameters, cost):
        self.end(TrialInfo(Configuration(self.space, values=parameters), seed=0), cost)

    def end(self, trial, cost):
        if cost is None:
            self.failed.append(trial)
        else:
            self.worst = cost if self.worst is None else max(self.worst, cost)
            self.engine.tell(trial, TrialValue(cost=cost), save=False)
        while self.failed and self.worst is not None:
            crash = TrialValue(cost=self.worst, status=StatusType.CRASHED)
            self.engine.tell(self.failed.pop(0), crash, save=False)


def described(parameter):
    name, kind = parameter["name"], parameter["kind"]
    if kind == "category":
        return Categorical(name, parameter["options"])
    number = Float if kind == "float" else Integer
    return number(name, (parameter["low"], parameter["high"]), log=parameter["log"])


if __name__ == "__main__":
    serve(Engine)
