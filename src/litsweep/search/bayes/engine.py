"""One suggestion after another: model, acquisition, search."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor

from litsweep.search.bayes.acquisition import LogNoisyEI
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.observations import Observations, observe
from litsweep.search.bayes.optimize import maximize
from litsweep.search.bayes.surrogate import Settings, fit_best
from litsweep.search.proposal import Proposal
from litsweep.sweep.run import Run

FANTASIES = 32
SETTINGS = Settings()
INITIAL = 5
ENUMERABLE = 4096


def suggest(config, runs: Sequence[Run], n: int, seed: int) -> list[Proposal]:
    """Up to `n` configs to run next; fewer when the space has no more. Pure: same arguments, same answer."""
    encoding = Encoding(config.space)
    seen = observe(encoding, config.metric, runs)
    if not encoding.d:
        return only_config(encoding, seen)[:n]
    tried = set(seen.tried)
    pending = torch.cat([seen.pending])
    y = seen.y
    X = seen.X
    if len(seen.failed) and len(y):
        X = torch.cat([X, seen.failed])
        y = torch.cat([y, y.min().expand(len(seen.failed))])
    fit = None
    proposals = []
    for i in range(n):
        if encoding.space.size <= len(tried):
            break
        k = len(runs) + i
        s = seeds(seed, k)
        if k < INITIAL or len(seen.y) < 2:
            x = design(encoding, tried, k, seed)
            reason = {"method": "initial design"}
        else:
            if fit is None:
                scaled = (y - y.mean()) / (y.std(correction=0) + 1e-12)
                sizes = [len(d.levels) for d in encoding.dimensions if d.is_category]
                fit = fit_best(X, scaled, encoding.is_category, sizes, SETTINGS)
            gp, variant, scores = fit
            mean, _ = gp.marginal(X)
            top = mean.argsort(descending=True)
            acq = LogNoisyEI(
                gp, top[:64], pending, sobol_normals(FANTASIES, min(len(X), 64) + len(pending), s)
            )
            best = X[top[:5]]
            pool, values = maximize(acq, encoding, best, s)
            x = first_untried(encoding, pool, tried)
            if x is None:
                x = design(encoding, tried, k, seed)
            reason = {"method": "bayes", "variant": variant}
        parameters = encoding.decode(x)
        tried.add(encoding.space.key(parameters))
        pending = torch.cat([pending, x.unsqueeze(0)])
        proposals.append(Proposal(parameters, reason))
    return proposals


def only_config(encoding: Encoding, seen: Observations) -> list[Proposal]:
    parameters = encoding.decode(torch.zeros(0))
    if encoding.space.key(parameters) in seen.tried:
        return []
    return [Proposal(parameters, {"method": "initial design"})]


def first_untried(encoding: Encoding, pool: Tensor, tried: set[Hashable]) -> Tensor | None:
    for x in pool:
        if encoding.space.key(encoding.decode(x)) not in tried:
            return x
    return None


def design(encoding: Encoding, tried: set[Hashable], k: int, seed: int) -> Tensor:
    """The k-th config of a scrambled Sobol sequence, or the next one not tried."""
    sobol = torch.quasirandom.SobolEngine(encoding.d, scramble=True, seed=seeds(seed, 0))
    sobol.fast_forward(k)
    x = first_untried(encoding, encoding.from_unit(sobol.draw(256, dtype=torch.double)), tried)
    if x is not None:
        return x
    everything = (
        encoding.all_configs()
        if encoding.space.size <= 1e6
        else encoding.from_unit(sobol.draw(65536, dtype=torch.double))
    )
    x = first_untried(encoding, everything, tried)
    assert x is not None
    return x


def seeds(seed: int, k: int) -> int:
    return int(np.random.SeedSequence([abs(seed), k]).generate_state(1)[0]) >> 1


def sobol_normals(s: int, m: int, seed: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(s, m, generator=g, dtype=torch.double)
