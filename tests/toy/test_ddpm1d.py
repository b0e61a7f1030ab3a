"""DDPM in one dimension against integrals on a grid and simulation."""

import math

import pytest
import torch

from diffviz.toy.ddpm1d import GRID, SPACING, Chain, normal_pdf
from diffviz.toy.scores import Mixture

DATA = Mixture(
    torch.tensor([0.4, 0.6]).double(),
    torch.tensor([[-1.2], [0.9]]).double(),
    torch.tensor([0.03, 0.1]).double(),
)
CHAIN = Chain(DATA, 20)


def test_the_jump_is_the_chain():
    mean, variance = 0.7, 0.0
    for t in range(1, 13):
        beta = float(CHAIN.beta[t])
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
    assert CHAIN.q_xt(0.7, 12) == pytest.approx((mean, variance))


@pytest.mark.parametrize("t", [2, 9, 20])
def test_the_posterior_is_bayes_rule(t):
    x0, x_t = 0.8, -0.4
    before, beta = CHAIN.q_xt(x0, t - 1), float(CHAIN.beta[t])
    density = normal_pdf(GRID, *before) * normal_pdf(math.sqrt(1 - beta) * GRID, x_t, beta)
    density = density / (density.sum() * SPACING)
    torch.testing.assert_close(normal_pdf(GRID, *CHAIN.posterior(x_t, x0, t)), density, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("t", [2, 9, 20])
def test_the_models_mean_is_the_mean_of_the_exact_reverse_step(t):
    """Both are linear in E[x_0 | x_t], so they agree, whatever the shape of q(x_{t-1} | x_t)."""
    exact = CHAIN.reverse_density(0.3, t)
    assert float((exact * GRID).sum() * SPACING) == pytest.approx(CHAIN.model(0.3, t)[0], abs=1e-6)


def test_the_models_step_is_exact_where_x0_is_known_and_too_narrow_where_it_is_not():
    known = Chain(
        Mixture(torch.ones(1).double(), torch.tensor([[0.4]]).double(), torch.tensor([1e-9]).double()), 20
    )
    assert all(known.model_error(0.3, t) < 1e-3 for t in (5, 20))
    (mean, narrow), exact = CHAIN.model(-0.1, 3), CHAIN.reverse_density(-0.1, 3)
    assert float((exact * (GRID - mean) ** 2).sum() * SPACING) > narrow
    assert 0.05 < CHAIN.model_error(-0.1, 3) < 1


def test_the_smallest_error_is_that_of_a_simulation():
    rng = torch.Generator().manual_seed(0)
    for t in (1, 6, 20):
        x0 = DATA.sample(200_000, rng)[:, 0]
        bar = float(CHAIN.alpha_bar[t])
        noise = torch.randn(len(x0), generator=rng, dtype=torch.float64)
        error = (x0 - CHAIN.denoised(math.sqrt(bar) * x0 + math.sqrt(1 - bar) * noise, t)) ** 2
        assert float(error.mean()) == pytest.approx(
            float(CHAIN.mmse[t - 1]), abs=5 * float(error.std()) / 447
        )


def test_the_terms_of_the_bound_are_the_simplified_ones_weighted():
    torch.testing.assert_close(CHAIN.bound[1:-1], CHAIN.weights * CHAIN.simple[1:], rtol=1e-8, atol=1e-10)


def test_the_terms_are_divergences():
    """E KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) by simulation, t = 7."""
    rng, t = torch.Generator().manual_seed(0), 7
    x0 = DATA.sample(100_000, rng)[:, 0]
    bar = float(CHAIN.alpha_bar[t])
    x_t = math.sqrt(bar) * x0 + math.sqrt(1 - bar) * torch.randn(len(x0), generator=rng, dtype=torch.float64)
    variance = CHAIN.posterior(0.0, 0.0, t)[1]
    slope = CHAIN.posterior(0.0, 1.0, t)[0]  # of the mean in x0
    divergence = (slope * (x0 - CHAIN.denoised(x_t, t))) ** 2 / (2 * variance)
    assert float(divergence.mean()) == pytest.approx(
        float(CHAIN.bound[t - 1]), abs=5 * float(divergence.std()) / math.sqrt(len(x0))
    )


@pytest.mark.parametrize("steps", [5, 20, 100, 1000])
def test_the_bound_is_above_the_entropy(steps):
    """No Gaussian chain can do better than the data's own entropy; a term too small anywhere would show."""
    assert CHAIN.entropy() < float(Chain(DATA, steps).bound.sum()) < CHAIN.entropy() + 2
