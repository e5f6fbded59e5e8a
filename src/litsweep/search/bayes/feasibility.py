"""Which configs run to the end: a model of the failures, beside that of the objective."""

import torch
from torch import Tensor

from litsweep.search.bayes.surrogate import GaussianProcess

_WANTED = 0.95
"""Only configs that succeed with about this probability are worth a run."""

_TOP = 0.9
"""Where runs fail at random, the bar is no higher than what a tenth of the successful configs reach."""

_PRESUMED, _EVIDENCE = 2, 0.35
"""More failures than this are ignored, as bad luck, unless the configs tell them from successes by so many
nats for each failure (or each success, if those are fewer)."""

_UNKNOWN = 0.4
"""With this share of the prior variance left little is known: the case of a category hardly tried yet."""

_TRIAL = 12
"""After so many runs, and each time they have doubled, an even chance will do where little is known."""

_STEEPNESS = 1000.0
"""Nats of log expected improvement that a config loses for each deviation it is below the bar."""


class Feasibility:
    """How likely a config is to give a result.

    `looks_random` is true where failures depend on the config in no way that can be told; then they weigh nothing.

    A Gaussian process regresses 1 for runs with a result and -1 for failures; its sign is the class. Least
    squares on labels come close to a classifier proper with everything in closed form (Rasmussen and Williams
    2006, section 6.5).

    Expected improvement times this probability would try failing regions forever: their predicted gains stay
    high, since no result ever comes to correct them. So the probability works as a bar.
    """

    def __init__(self, process: GaussianProcess, succeeded: Tensor) -> None:
        self._process = process
        wanted = torch.special.ndtri(torch.tensor(_WANTED, dtype=torch.double))
        with torch.no_grad():
            self.looks_random = looks_random(process)
            self._bar = torch.minimum(wanted, self._score(succeeded)[0].quantile(_TOP))

    def probability(self, x: Tensor) -> Tensor:
        """P(config gives a result), shape `m` for `x` of shape `m x d`."""
        probability: Tensor = torch.special.ndtr(self._score(x)[0])
        return probability

    def log_weight(self, x: Tensor, position: int) -> Tensor:
        """What to add to a log acquisition, shape `m`: near 0 where a config may be run, else ever lower.

        `position` is that of the suggestion in the sweep.
        """
        if self.looks_random:
            return torch.zeros_like(x[..., 0])
        score, variance = self._score(x)
        margin = score - self._bar
        if _is_trial(position):
            margin = torch.maximum(margin, torch.minimum(score, variance - _UNKNOWN))
        over: Tensor = torch.nn.functional.logsigmoid(_STEEPNESS * margin)
        chance: Tensor = torch.special.log_ndtr(score)
        return chance + over

    def _score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Deviations by which the predicted label is positive, and the variance left there."""
        mean, variance = self._process.marginals(x)
        return mean.squeeze(-1) / (variance + self._process.noise).sqrt(), variance


def _is_trial(position: int) -> bool:
    """True for positions 13, 25, 49 and so on; it is exploration's turn then."""
    doublings, rest = divmod(position - 1, _TRIAL)
    return rest == 0 and doublings.bit_count() == 1


def looks_random(process: GaussianProcess) -> bool:
    """Whether failures look random: foretold no better by the configs than by how often runs fail.

    Each label is foretold from all others, by the model and by the rule of succession.
    """
    labels, (mean, variance) = process.targets, process.leave_one_out()
    failures = int((labels < 0).sum())
    successes = len(labels) - failures
    alike = torch.where(labels < 0, failures, successes)
    ours, theirs = torch.special.log_ndtr(labels * mean / variance.sqrt()), (alike / (len(labels) + 1)).log()
    gain = float((ours - theirs).sum())
    return failures > _PRESUMED and gain < _EVIDENCE * min(failures, successes)
