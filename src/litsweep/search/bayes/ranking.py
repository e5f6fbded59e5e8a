"""How well predictions rank results: the weights of earlier sweeps (Feurer et al. 2018)."""

import torch
from torch import Tensor

_SAMPLES = 512


def ranking_shares(predicted: Tensor, y: Tensor, seed: int) -> Tensor:
    """Return the share of each prediction, shape `k`, for `predicted`, `n x k`, and results `y`, `n`.

    A share is the fraction of bootstrap samples of the results in which the prediction ranks the most pairs
    correctly. It is 0 for a prediction that, in at least half of the samples, ranks at least half of the
    pairs wrongly. The shares sum to 1, or are all 0.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(y), (_SAMPLES, len(y)), generator=generator)
    times = torch.zeros(_SAMPLES, len(y), dtype=y.dtype).scatter_add_(
        1, drawn, torch.ones_like(drawn).to(y.dtype)
    )
    is_worse = y.unsqueeze(0) < y.unsqueeze(1)
    differs = y.unsqueeze(0) != y.unsqueeze(1)
    wrong = [((p.unsqueeze(0) < p.unsqueeze(1)) != is_worse) & differs for p in predicted.T]
    lost = torch.stack([_pairs(times, each) for each in wrong], -1)
    ties = torch.rand(lost.shape, generator=generator, dtype=y.dtype)
    wins = torch.nn.functional.one_hot((lost + 1e-6 * ties).argmin(-1), lost.shape[-1]).to(y.dtype).mean(0)
    is_bad = (lost >= _pairs(times, differs).unsqueeze(-1) / 2).to(y.dtype).mean(0) >= 0.5
    shares = torch.where(is_bad, 0.0, wins)
    return shares / shares.sum().clamp(min=1e-12)


def _pairs(times: Tensor, chosen: Tensor) -> Tensor:
    """Return the number of chosen pairs, `n x n`, in each sample, which has each result so many `times`."""
    return ((times @ chosen.to(times.dtype)) * times).sum(-1) / 2
