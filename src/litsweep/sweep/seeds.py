"""The seed among the parameters of a run."""

from litsweep.sweep.space import SearchSpace

DEFAULT_SEED = "seed"
SEED_NAMES = ("seed", "seed_everything", "random_seed", "random_state")
"""The usual names of a seed: the whole name, or its part after the last dot."""


def is_seed(name: str) -> bool:
    """Return True for the name of a seed, such as `seed` or `trainer.seed`."""
    return name.rpartition(".")[2] in SEED_NAMES


def seed_parameter(space: SearchSpace) -> str | None:
    """Return the name of the parameter that is a seed, the first one of several; None without one."""
    return next((parameter.name for parameter in space.parameters if is_seed(parameter.name)), None)
