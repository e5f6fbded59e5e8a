"""The model of success: which configs are likely to give a result."""

import torch
from torch import Tensor

from litsweep.search.bayes.surrogate import GaussianProcess

_REQUIRED = 0.95  # a config must succeed with about this probability
_TOP = 0.9  # the requirement is at most this quantile of the successful configs' scores

# With more failures than `_PRESUMED`, they look random unless the configs predict them. The evidence must be
# at least `_EVIDENCE` nats for each failure (or each success, if those are fewer).
_PRESUMED, _EVIDENCE = 2, 0.35

# If this share of the prior variance is left, little is known, for example about a rarely tried category.
_UNKNOWN = 0.4
_TRIAL_INTERVAL = 12  # see `_is_trial`
_STEEPNESS = 1000.0  # the log acquisition loses this many nats for each deviation below the requirement


class Feasibility:
    """The probability that a config gives a result, and the weight of an acquisition function.

    A Gaussian process regresses 1 for runs with a result and -1 for failures; its sign is the class. The
    regression has a closed form and comes close to a classifier (Rasmussen and Williams 2006, section 6.5).
    If failures look random (`looks_random`), they have no weight.

    Expected improvement times this probability would suggest failing regions forever, because no result ever
    lowers their predicted gains. So the probability is a constraint.
    """

    def __init__(self, process: GaussianProcess, succeeded: Tensor) -> None:
        self._process = process
        required = torch.special.ndtri(torch.tensor(_REQUIRED, dtype=torch.double))
        with torch.no_grad():
            self.looks_random = looks_random(process)
            self._requirement = torch.minimum(required, self._score(succeeded)[0].quantile(_TOP))

    def probability(self, x: Tensor) -> Tensor:
        """Return the probability of a result, shape `m`, at `x`, shape `m x d`."""
        probability: Tensor = torch.special.ndtr(self._score(x)[0])
        return probability

    def log_weight(self, x: Tensor, position: int) -> Tensor:
        """Return the term to add to the log acquisition of the `position`-th suggestion, shape `m`."""
        if self.looks_random:
            return torch.zeros_like(x[..., 0])
        score, variance = self._score(x)
        margin = score - self._requirement
        if _is_trial(position):
            margin = torch.maximum(margin, torch.minimum(score, variance - _UNKNOWN))
        over: Tensor = torch.nn.functional.logsigmoid(_STEEPNESS * margin)
        chance: Tensor = torch.special.log_ndtr(score)
        return chance + over

    def _score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the predicted label over its deviation, and the posterior variance."""
        mean, variance = self._process.marginals(x)
        return mean.squeeze(-1) / (variance + self._process.noise).sqrt(), variance


def _is_trial(position: int) -> bool:
    """Return True for positions 13, 25, 49, …: there a chance of 1/2 suffices where little is known."""
    doublings, rest = divmod(position - 1, _TRIAL_INTERVAL)
    return rest == 0 and doublings.bit_count() == 1


def looks_random(process: GaussianProcess) -> bool:
    """Return True if the configs predict failures no better than the frequency of failures does.

    Each label is predicted from all others, by the model and by the rule of succession.
    """
    labels, (mean, variance) = process.targets, process.leave_one_out()
    failures = int((labels < 0).sum())
    successes = len(labels) - failures
    alike = torch.where(labels < 0, failures, successes)
    ours, theirs = torch.special.log_ndtr(labels * mean / variance.sqrt()), (alike / (len(labels) + 1)).log()
    gain = float((ours - theirs).sum())
    return failures > _PRESUMED and gain < _EVIDENCE * min(failures, successes)
