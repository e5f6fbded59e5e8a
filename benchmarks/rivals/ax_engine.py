"""Ax through its `Client`, with the generation strategy that it chooses itself.

A failed run is marked as failed, and Ax drops it. Ax itself takes the running runs into account.
"""

import logging

from answers import plain, serve
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig


class Engine:
    def __init__(self, parameters, seed):
        logging.disable(logging.WARNING)
        self.client = Client(random_seed=seed)
        self.client.configure_experiment(parameters=[described(parameter) for parameter in parameters])
        self.client.configure_optimization(objective="-cost")

    def suggest(self):
        ((index, parameters),) = self.client.get_next_trials(max_trials=1).items()
        return {"handle": str(index), "parameters": {k: plain(v) for k, v in parameters.items()}}

    def tell(self, handle, cost):
        if cost is None:
            self.client.mark_trial_failed(int(handle))
        else:
            self.client.complete_trial(int(handle), {"cost": cost})

    def add(self, parameters, cost):
        self.tell(self.client.attach_trial(parameters), cost)


def described(parameter):
    name, kind = parameter["name"], parameter["kind"]
    if kind == "category":
        return ChoiceParameterConfig(name, parameter["options"], "str", is_ordered=False)
    scaling = "log" if parameter["log"] else "linear"
    return RangeParameterConfig(name, (parameter["low"], parameter["high"]), kind, scaling=scaling)


if __name__ == "__main__":
    serve(Engine)
