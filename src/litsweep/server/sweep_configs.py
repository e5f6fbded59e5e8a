"""The parsed configs of stored sweeps."""

from litsweep.server.sized_cache import SizedCache
from litsweep.sweep.config import SweepConfig, parse_sweep

_MOST_CHARACTERS = 4_000_000

_cache: SizedCache[SweepConfig] = SizedCache(parse_sweep, _MOST_CHARACTERS)


def parsed(config: str) -> SweepConfig:
    """Return a stored sweep config."""
    return _cache(config)
