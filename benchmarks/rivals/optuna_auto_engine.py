"""Optuna's AutoSampler: GPSampler after a random config, CMA-ES after 250; with categories TPESampler.

It is not on a package index: OptunaHub loads it from github.com/optuna/optunahub-registry on first use, here
at a fixed commit, and keeps it in its cache (`OPTUNAHUB_CACHE_HOME`). A failed run has the state FAIL, and
the samplers drop it.
"""

import optuna
import optunahub
from answers import serve
from optuna import distributions as d

COMMIT = "ee680199100edbd95e0000eb20696c3ec5505973"


class Engine:
    def __init__(self, parameters, seed):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = {parameter["name"]: described(parameter) for parameter in parameters}
        self.study = optuna.create_study(sampler=auto_sampler()(seed=seed))

    def suggest(self):
        trial = self.study.ask(self.space)
        return {"handle": str(trial.number), "parameters": dict(trial.params)}

    def tell(self, handle, cost):
        if cost is None:
            self.study.tell(int(handle), state=optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(int(handle), cost)

    def add(self, parameters, cost):
        trial = optuna.trial.create_trial(params=parameters, distributions=self.space, value=cost)
        self.study.add_trial(trial)


def auto_sampler():
    try:
        return optunahub.load_module("samplers/auto_sampler", ref=COMMIT).AutoSampler
    except Exception as error:
        raise RuntimeError(
            f"OptunaHub could not load samplers/auto_sampler from github.com, which it needs once: {error}. "
            "Without a network, set OPTUNAHUB_CACHE_HOME to a cache that has "
            f"github.com/optuna/optunahub-registry/{COMMIT}"
        ) from error


def described(parameter):
    if parameter["kind"] == "category":
        return d.CategoricalDistribution(parameter["options"])
    number = d.FloatDistribution if parameter["kind"] == "float" else d.IntDistribution
    return number(parameter["low"], parameter["high"], log=parameter["log"])


if __name__ == "__main__":
    serve(Engine)
