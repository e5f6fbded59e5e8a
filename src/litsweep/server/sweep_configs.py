"""The parsed configs of stored sweeps."""

from litsweep.server.sized_cache import SizedCache
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.config import parsed_or_none as stored_config

_MOST_CHARACTERS = 4_000_000

_cache: SizedCache[SweepConfig] = SizedCache(parse_sweep, _MOST_CHARACTERS)


def parsed(config: str) -> SweepConfig:
    """Return a stored sweep config. Raises ConfigError if this version of litsweep refuses it."""
    return _cache(config)


def parsed_or_none(config: str) -> SweepConfig | None:
    """Return a stored sweep config, or None if this version of litsweep refuses it."""
    return stored_config(config, parsed)
