"""The parsed configs of stored sweeps, and the suggested parameters of stored runs."""

import json
from collections.abc import Mapping

from litsweep.server.sized_cache import SizedCache
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.config import SweepConfig, parse_sweep

_MOST_CHARACTERS = 4_000_000

_cache: SizedCache[SweepConfig] = SizedCache(parse_sweep, _MOST_CHARACTERS)


def parsed(config: str) -> SweepConfig:
    """Return a stored sweep config."""
    return _cache(config)


def suggested_parameters(config: SweepConfig, run: RunRecord) -> Mapping[str, object]:
    """Return the suggested parameters. For a run without a suggestion, return those in its config."""
    if run.parameters is not None:
        parameters: dict[str, object] = json.loads(run.parameters)
        return parameters
    return config.flatten(run.config_values)
