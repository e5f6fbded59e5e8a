"""The parameters of a stored run, as its sweep's search reads them."""

import json
from collections.abc import Mapping

from litsweep.server.store.runs import RunRecord
from litsweep.sweep.completion import completed
from litsweep.sweep.config import SweepConfig


def parameters_of(config: SweepConfig, run: RunRecord) -> Mapping[str, object]:
    """Return the suggested parameters. For a run without a suggestion, return those in its config.

    A suggestion of an earlier version of the sweep's config is completed.
    """
    if run.parameters is None:
        return completed(config, config.flatten(run.config_values))
    return completed(config, json.loads(run.parameters), lambda: config.flatten(run.config_values))
