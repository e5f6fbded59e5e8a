"""The shares of earlier sweeps by how they rank results."""

import torch

from litsweep.search.bayes.ranking import ranking_shares

Y = torch.linspace(0, 1, 8, dtype=torch.double)


def test_only_the_best_ranking_has_a_share() -> None:
    shares = ranking_shares(torch.stack([-Y, Y**3, torch.zeros(8).double()], -1), Y, seed=0)
    assert shares.tolist() == [0.0, 1.0, 0.0]


def test_equal_rankings_share() -> None:
    shares = ranking_shares(torch.stack([Y, Y], -1), Y, seed=0)
    assert shares.sum() == 1
    assert (shares > 0.4).all()


def test_results_that_nothing_ranks_have_no_shares() -> None:
    assert not ranking_shares(torch.stack([-Y, -Y], -1), Y, seed=0).any()
    assert not ranking_shares(Y.unsqueeze(-1), torch.ones(8).double(), seed=0).any()
