from itertools import permutations

import numpy as np
import pytest
import torch

from diffviz.toy import couplings
from diffviz.toy.couplings import PAIR_STD, Pairs, couple, optimal_assignment


@pytest.mark.parametrize("seed", range(6))
def test_the_assignment_is_the_best_of_all(seed):
    cost = np.random.default_rng(seed).normal(size=(6, 6))
    best = min(permutations(range(6)), key=lambda p: sum(cost[i, j] for i, j in enumerate(p)))
    assert tuple(optimal_assignment(cost)) == best


def test_on_a_line_the_assignment_keeps_the_order():
    """For a squared distance in one dimension the optimal pairing is the sorted one."""
    a, b = np.random.default_rng(0).normal(size=(2, 80))
    order = optimal_assignment((a[:, None] - b) ** 2)
    assert np.array_equal(np.argsort(a), np.argsort(b[order]))


def test_larger_batches_pair_nearer_and_keep_every_point():
    rng = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(256, 2, generator=rng).double() for _ in range(2))
    paired = {batch: couple(x0, eps, batch) for batch in (1, 16, 64, 256)}
    costs = [Pairs(p, eps).cost() for p in paired.values()]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > 3 * costs[-1]
    for p in paired.values():
        assert torch.equal(p.unique(dim=0), x0.unique(dim=0))


def test_the_marginal_field_is_the_mean_over_pairs():
    """Against a regression by simulation: the mean of eps - x0 of pairs whose noisy middle falls near a place."""
    rng = torch.Generator().manual_seed(0)
    pairs = Pairs(
        torch.tensor([[0.0, 1.0], [1.0, -1.0]]).double(), torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).double()
    )
    t, n = 0.45, 1_000_000
    which = torch.randint(2, (n,), generator=rng)
    middle = (1 - t) * pairs.x0[which] + t * pairs.eps[which]
    x = middle + PAIR_STD * torch.randn(n, 2, generator=rng).double()
    place = ((1 - t) * pairs.x0 + t * pairs.eps).mean(0)
    near = (x - place).norm(dim=1) < 0.02
    simulated = (pairs.eps - pairs.x0)[which][near].mean(0)
    assert int(near.sum()) < 200 or torch.allclose(pairs.velocity(place[None], t)[0], simulated, atol=0.1)
    only = Pairs(pairs.x0[:1], pairs.eps[:1])
    torch.testing.assert_close(only.velocity(place[None], t), pairs.eps[:1] - pairs.x0[:1])


def test_batches_have_the_module_s_own_width():
    assert 0 < couplings.PAIR_STD < 0.5
