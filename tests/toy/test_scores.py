"""Closed forms against automatic differentiation and simulation; samplers against the exact density at every time."""

import math
from itertools import pairwise

import pytest
import torch

from diffviz.diffusion.samplers import ddim, ddpm, final_step, make_generators, timesteps
from diffviz.diffusion.schedules import BETA_MAX, BETA_MIN, SCHEDULES
from diffviz.toy import scores
from diffviz.toy.scores import Diffused, Mixture

LINEAR = SCHEDULES["linear"]


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


THREE = Mixture(
    vector(0.5, 0.3, 0.2), vector([-1.4, -0.6], [1.2, 1.0], [0.9, -1.3]), vector(0.04, 0.02, 0.09)
)
SPREAD = vector([-2.0, 0.5], [0.1, 0.2], [1.1, 0.9], [3.0, -2.0], [0.0, 0.0])


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


# --- closed forms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("t", [0.02, 0.3, 0.8, 0.99])
@pytest.mark.parametrize("data", [THREE, Mixture.at_points(SPREAD)], ids=["mixture", "kernel density"])
def test_score_and_hessian_are_the_derivatives_of_the_log_density(name, t, data):
    at = Diffused(data, SCHEDULES[name]).at(t)
    x = SPREAD.clone().requires_grad_()
    (slope,) = torch.autograd.grad(at.log_density(x).sum(), x)
    torch.testing.assert_close(at.score(x.detach()), slope, rtol=1e-9, atol=1e-9)
    second = torch.stack(
        [torch.autograd.functional.hessian(lambda y: at.log_density(y[None])[0], p) for p in x.detach()]
    )
    torch.testing.assert_close(at.hessian(x.detach()), second, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("t", [0.05, 0.5, 0.95])
def test_the_posterior_mean_is_tweedies(name, t):
    exact = Diffused(THREE, SCHEDULES[name])
    alpha, sigma = float(exact.schedule.alpha(t)), float(exact.schedule.sigma(t))
    tweedie = (SPREAD + sigma**2 * exact.score(SPREAD, t)) / alpha
    torch.testing.assert_close(exact.posterior_mean(SPREAD, t), tweedie, rtol=1e-6, atol=1e-7)


def test_the_posterior_mean_is_the_best_linear_guess_of_one_gaussian():
    one = Mixture(vector(1.0), vector([0.5, -1.0]), vector(0.25))
    alpha, sigma = float(LINEAR.alpha(0.4)), float(LINEAR.sigma(0.4))
    gain = alpha * 0.25 / (alpha**2 * 0.25 + sigma**2)
    expected = one.means + gain * (SPREAD - alpha * one.means)
    torch.testing.assert_close(Diffused(one, LINEAR).posterior_mean(SPREAD, 0.4), expected)


@pytest.mark.parametrize("name", ["cosine", "flow"])
def test_at_pure_noise_the_posterior_mean_is_the_mean_of_the_data(name):
    found = Diffused(THREE, SCHEDULES[name]).posterior_mean(SPREAD, 1.0)
    torch.testing.assert_close(found, (THREE.weights @ THREE.means).expand_as(found))


def test_single_points_have_no_density_without_noise():
    with pytest.raises(ValueError, match="add noise"):
        Mixture.at_points(SPREAD).log_density(SPREAD)


def test_drift_and_diffusion_are_those_of_the_linear_schedule():
    for t in (0.01, 0.4, 0.99):
        beta = BETA_MIN + t * (BETA_MAX - BETA_MIN)
        f, g2 = scores.drift_diffusion(LINEAR, t)
        assert f == pytest.approx(-beta / 2)
        assert g2 == pytest.approx(beta)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_velocity_is_the_drift_of_the_probability_flow(name):
    exact = Diffused(THREE, SCHEDULES[name])
    for t in (0.1, 0.6):
        f, g2 = scores.drift_diffusion(exact.schedule, t)
        expected = f * SPREAD - g2 / 2 * exact.score(SPREAD, t)
        torch.testing.assert_close(exact.velocity(SPREAD, t), expected, rtol=1e-6, atol=1e-8)


def test_the_density_moves_with_the_velocity():
    """The continuity equation, d log p/dt = -div u - u · score, by finite differences in time."""
    exact, t, h = Diffused(THREE, LINEAR), 0.3, 1e-5
    moved = (exact.at(t + h).log_density(SPREAD) - exact.at(t - h).log_density(SPREAD)) / (2 * h)
    f, g2 = scores.drift_diffusion(LINEAR, t)
    divergence = 2 * f - g2 / 2 * exact.at(t).hessian(SPREAD).diagonal(dim1=1, dim2=2).sum(1)
    carried = (exact.velocity(SPREAD, t) * exact.score(SPREAD, t)).sum(1)
    torch.testing.assert_close(moved, -divergence - carried, rtol=1e-4, atol=1e-4)


def test_the_cdf_is_the_integral_of_the_density():
    line = THREE.along(vector(0.6, 0.8))
    grid = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    summed = torch.cumulative_trapezoid(line.log_density(grid[:, None]).exp(), grid)
    torch.testing.assert_close(line.cdf(grid)[1:], summed, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_every_schedule_carries_noise_to_the_same_points():
    """The map of the PF ODE depends on where the schedule ends, not on how it gets there: here both end at SNR 0."""
    noise = torch.randn(50, 2, generator=rng(), dtype=torch.float64)
    ends = []
    for name, steps in (("flow", 400), ("cosine", 400)):
        exact = Diffused(THREE, SCHEDULES[name])
        *_, end = scores.integrate(exact.velocity, noise, timesteps(steps), heun=True)
        ends.append(end)
    assert float((ends[0] - ends[1]).norm(dim=1).median()) < 5e-3


@pytest.mark.slow
def test_ddim_solves_the_probability_flow_and_ends_where_heun_does():
    exact = Diffused(THREE, LINEAR)
    noise = torch.randn(50, 2, generator=rng(), dtype=torch.float64)

    def denoise(x, t):
        return exact.posterior_mean(x, float(t[0]))

    *_, end = scores.integrate(exact.velocity, noise, timesteps(1000), heun=True)
    far = [
        float((final_step(ddim(denoise, noise, timesteps(n), LINEAR)).x - end).norm(dim=1).median())
        for n in (25, 50, 100, 200)
    ]
    assert far[3] < 0.02
    assert all(0.35 < later / sooner < 0.7 for sooner, later in pairwise(far))  # of first order


@pytest.mark.slow
@pytest.mark.parametrize(("heun", "order"), [(False, 1), (True, 2)])
def test_the_solvers_have_their_order(heun, order):
    exact = Diffused(Mixture(THREE.weights, THREE.means, vector(0.3, 0.3, 0.3)), LINEAR)
    noise = torch.randn(200, 2, generator=rng(), dtype=torch.float64)

    def ended(steps, second):
        ts = [1 - 0.9 * i / steps for i in range(steps + 1)]
        *_, end = scores.integrate(exact.velocity, noise, ts, heun=second)
        return end

    reference = ended(1200, True)
    error = [float((ended(n, heun) - reference).pow(2).mean().sqrt()) for n in (100, 200)]
    assert math.log2(error[0] / error[1]) == pytest.approx(order, abs=0.25)


# --- the samplers' marginals, by a test with a known rate of errors ---------------------------------------------

N = 2000
TIMES = (0.75, 0.5, 0.25, 0.1, 0.0)
DIRECTIONS = (vector(1, 0), vector(0, 1), vector(1, 1) / math.sqrt(2))
FALSE_ALARMS = 0.01  # of a whole family of tests; shared out over its members (Bonferroni)


def sde(score, start, ts, generator):
    return scores.reverse_sde(score, start, ts, LINEAR, generator)


def ode(score, start, ts, generator):
    def velocity(x, t):
        f, g2 = scores.drift_diffusion(LINEAR, t)
        return f * x - g2 / 2 * score(x, t)

    return scores.integrate(velocity, start, ts, heun=True)


def langevin(score, start, ts, generator):
    exact = Diffused(THREE, LINEAR)
    sizes = [0.04 * float(exact.at(t).variances.min()) for t in ts]
    return scores.annealed_langevin(score, start, ts, sizes, 20, generator)


SAMPLERS = {"reverse SDE": (sde, 600), "PF ODE": (ode, 200), "annealed Langevin": (langevin, 100)}


def smallest_p(sampler, steps, score):
    """The smallest p-value of Kolmogorov-Smirnov tests at all TIMES in all DIRECTIONS."""
    exact, ts, generator = Diffused(THREE, LINEAR), timesteps(steps), rng(1)
    states = sampler(score, exact.at(1.0).sample(N, generator), ts, generator)
    found = []
    for t, x in zip(ts, states, strict=True):
        if any(abs(t - wanted) < 1e-9 for wanted in TIMES):
            for direction in DIRECTIONS:
                far = scores.ks_distance(x @ direction, exact.at(t).along(direction))
                found.append(scores.ks_p_value(far, N))
    assert len(found) == len(TIMES) * len(DIRECTIONS)
    return min(found)


LEVEL = FALSE_ALARMS / (len(TIMES) * len(DIRECTIONS))


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_each_sampler_has_the_exact_marginals_at_every_time(name):
    """With exact marginals a seed fails at most one time in a hundred; the seed is fixed."""
    sampler, steps = SAMPLERS[name]
    assert smallest_p(sampler, steps, Diffused(THREE, LINEAR).score) > LEVEL


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_test_finds_a_score_that_is_a_little_wrong(name):
    """Data whose first cluster has a weight of 0.6 for 0.5: it would pass by eye."""
    sampler, steps = SAMPLERS[name]
    wrong = Mixture(vector(0.6, 0.24, 0.16), THREE.means, THREE.variances)
    assert smallest_p(sampler, steps, Diffused(wrong, LINEAR).score) < LEVEL


@pytest.mark.slow
def test_the_library_ddpm_has_the_exact_marginal_at_the_end():
    exact, n = Diffused(THREE, LINEAR), 500
    start = exact.at(1.0).sample(n, rng(1))

    def denoise(x, t):
        return exact.posterior_mean(x, float(t[0]))

    end = final_step(ddpm(denoise, start, timesteps(400), LINEAR, rng=make_generators(range(n)))).x
    for direction in DIRECTIONS:
        far = scores.ks_distance(end @ direction, THREE.along(direction))
        assert scores.ks_p_value(far, n) > FALSE_ALARMS / len(DIRECTIONS)


def test_the_statistic_alarms_as_often_as_it_says():
    """600 exact samples of 400 points: at the level 0.05 alarms are binomial, and lie in 12 … 50 in all but 0.01 %."""
    line, generator = THREE.along(DIRECTIONS[0]), rng(5)
    alarms = sum(
        scores.ks_p_value(scores.ks_distance(line.sample(400, generator)[:, 0], line), 400) < 0.05
        for _ in range(600)
    )
    assert 12 <= alarms <= 50
    assert scores.ks_p_value(scores.ks_limit(400), 400) == pytest.approx(0.05, abs=1e-6)


def test_too_few_steps_of_the_reverse_sde_are_unstable():
    exact, ts = Diffused(THREE, LINEAR), timesteps(4)
    start = exact.at(1.0).sample(500, rng())
    assert (ts[0] - ts[1]) * scores.contraction_rate(exact, start, ts[0] - 1e-9, stochastic=True) > 2
    *_, end = scores.reverse_sde(exact.score, start, ts, LINEAR, rng())
    assert float(end.abs().max()) > 3 > float(THREE.sample(500, rng()).abs().max())


# --- guidance ---------------------------------------------------------------------------------------------------


def test_guidance_scale_one_is_the_conditional_score():
    exact = Diffused(THREE, LINEAR)
    part = Diffused(THREE.part([0]), LINEAR)
    torch.testing.assert_close(
        scores.guided(part.score, exact.score, 1.0)(SPREAD, 0.3), part.score(SPREAD, 0.3)
    )


def grid_mean(log_density, grid):
    weight = (log_density - log_density.max()).exp()
    return float((weight * grid).sum() / weight.sum())


@pytest.mark.slow
def test_guided_sampling_does_not_draw_from_the_tilted_density():
    """Arxiv 2408.09000: in one dimension, by the exact mean of the tilted density against that of the samples."""
    both = Mixture(vector(0.5, 0.5), vector([-1.0], [1.0]), vector(0.5, 0.5))
    positive, w, n = both.part([1]), 3.0, 4000
    grid = torch.linspace(-8, 8, 8001, dtype=torch.float64)[:, None]
    tilted = grid_mean(scores.tilted_log_density(positive, both, w, grid), grid[:, 0])
    whole, half = Diffused(both, LINEAR), Diffused(positive, LINEAR)
    velocity = scores.guided(half.velocity, whole.velocity, w)
    *_, end = scores.integrate(velocity, whole.at(1.0).sample(n, rng()), timesteps(200), heun=True)
    error = float(end.std()) / math.sqrt(n)
    assert abs(float(end.mean()) - tilted) > 10 * error
    # At scale 1 the same comparison finds none.
    *_, plain = scores.integrate(half.velocity, half.at(1.0).sample(n, rng()), timesteps(200), heun=True)
    exact = grid_mean(scores.tilted_log_density(positive, both, 1.0, grid), grid[:, 0])
    assert abs(float(plain.mean()) - exact) < 4 * float(plain.std()) / math.sqrt(n)
