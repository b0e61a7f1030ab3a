import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffviz.diffusion import schedules
from diffviz.diffusion.schedules import SCHEDULES

T = torch.linspace(0, 1, 201, dtype=torch.float64)
VP = [s for s in SCHEDULES.values() if s.variance_preserving]


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=lambda s: s.name)
def test_signal_falls_and_noise_grows(schedule):
    assert (torch.diff(schedule.alpha(T)) < 1e-12).all()
    assert (torch.diff(schedule.sigma(T)) > -1e-12).all()
    assert (torch.diff(schedule.log_snr(T)[1:-1]) < 0).all()


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=lambda s: s.name)
def test_starts_at_the_image_and_ends_in_noise(schedule):
    assert schedule.alpha(0.0) == pytest.approx(1, abs=1e-5)
    assert schedule.sigma(0.0) == pytest.approx(0, abs=0.0021)  # karras starts at sigma 0.002
    assert schedule.sigma(1.0) == pytest.approx(1, abs=1e-4)
    assert schedule.alpha(1.0) < 0.0126  # 1/80 for karras; linear beta's own remainder is 0.0066


@pytest.mark.parametrize("schedule", VP, ids=lambda s: s.name)
def test_variance_preserving_ones_keep_unit_variance(schedule):
    assert torch.allclose(schedule.alpha(T) ** 2 + schedule.sigma(T) ** 2, torch.ones_like(T), atol=1e-12)


def test_flow_is_a_straight_line():
    flow = SCHEDULES["flow"]
    assert torch.equal(flow.alpha(T), 1 - T)
    assert torch.equal(flow.sigma(T), T)


def test_cosine_is_nichol_and_dhariwals_closed_form():
    s = 0.008
    f = np.cos((T.numpy() + s) / (1 + s) * math.pi / 2) ** 2
    assert np.allclose(SCHEDULES["cosine"].alpha(T).numpy() ** 2, f / f[0], atol=1e-12)


def test_linear_is_the_integral_of_a_linear_beta():
    # alpha_bar = exp(-integral of beta), integrated numerically from beta(t) = 0.1 + 19.9 t.
    t = np.linspace(0, 1, 200_001)
    beta = 0.1 + 19.9 * t
    integral = np.concatenate([[0], np.cumsum((beta[1:] + beta[:-1]) / 2 * np.diff(t))])
    assert np.allclose(SCHEDULES["linear"].alpha(T).numpy() ** 2, np.exp(-integral)[::1000], atol=1e-9)


def test_sigmoid_is_chens_algorithm():
    def gamma(t, start=-3.0, end=3.0):
        low, high = (1 / (1 + math.exp(-v)) for v in (start, end))
        return (high - 1 / (1 + math.exp(-(t * (end - start) + start)))) / (high - low)

    for t in (0.0, 0.2, 0.5, 0.9, 1.0):
        assert float(SCHEDULES["sigmoid"].alpha(t)) ** 2 == pytest.approx(gamma(t), abs=1e-12)


def test_karras_sigmas_are_equation_5():
    rho, low, high = 7, 0.002, 80.0
    expected = [
        (high ** (1 / rho) + i / 9 * (low ** (1 / rho) - high ** (1 / rho))) ** rho for i in range(10)
    ]
    times = torch.linspace(1, 0, 10, dtype=torch.float64)
    karras = SCHEDULES["karras"]
    assert np.allclose((karras.sigma(times) / karras.alpha(times)).numpy(), expected, rtol=1e-9)


def test_cosine_equals_diffusers():
    from diffusers import DDIMScheduler

    theirs = DDIMScheduler(
        num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2"
    ).alphas_cumprod.double()
    ours = SCHEDULES["cosine"].alpha(torch.arange(1, 1001, dtype=torch.float64) / 1000) ** 2
    # The last few differ: diffusers caps beta at 0.999, so that a trace of image is left at its t = T.
    assert torch.allclose(theirs[:-2], ours[:-2], atol=2e-5)


def test_linear_equals_diffusers_up_to_its_discrete_product():
    from diffusers import DDPMScheduler

    theirs = DDPMScheduler(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02).alphas_cumprod.double()
    ours = SCHEDULES["linear"].alpha(torch.arange(1, 1001, dtype=torch.float64) / 1000) ** 2
    # A product of 1000 factors against its continuous limit: they meet as T grows, and are this near at 1000.
    assert (theirs - ours).abs().max() < 2e-3


def test_karras_equals_diffusers():
    from diffusers import EDMEulerScheduler

    theirs = EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, rho=7.0)
    theirs.set_timesteps(12)
    ours = schedules.karras_ratio(torch.linspace(1, 0, 12, dtype=torch.float64))
    assert torch.allclose(theirs.sigmas[:-1].double(), ours, rtol=1e-5)


def test_flow_equals_diffusers():
    from diffusers import FlowMatchEulerDiscreteScheduler

    theirs = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000)
    ours = SCHEDULES["flow"].sigma(torch.arange(1000, 0, -1, dtype=torch.float64) / 1000)
    assert torch.allclose(theirs.sigmas.double().flatten()[:1000], ours, atol=1e-6)


@pytest.mark.slow
@given(st.floats(0.001, 0.999), st.sampled_from(sorted(SCHEDULES)))
def test_angle_log_snr_and_the_pair_say_the_same(t, name):
    schedule = SCHEDULES[name]
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    assert float(schedule.log_snr(t)) == pytest.approx(2 * math.log(alpha / sigma), abs=1e-9)
    assert math.tan(float(schedule.angle(t))) == pytest.approx(sigma / alpha, rel=1e-9)


@given(st.floats(0, 0.98), st.floats(0.001, 1), st.sampled_from(sorted(SCHEDULES)))
def test_step_variance_adds_up(s, gap, name):
    # sigma_t^2 = (alpha_t / alpha_s)^2 sigma_s^2 + beta, and a step never takes variance away.
    schedule, t = SCHEDULES[name], min(1.0, s + gap)
    beta = float(schedule.beta(t, s))
    ratio = float(schedule.alpha(t) / schedule.alpha(s))
    assert beta > 0
    assert ratio**2 * float(schedule.sigma(s)) ** 2 + beta == pytest.approx(float(schedule.sigma(t)) ** 2)


def test_times_outside_the_range_are_held_at_its_ends():
    for schedule in SCHEDULES.values():
        assert schedule.alpha(1.7) == schedule.alpha(1.0)
        assert schedule.sigma(-3.0) == schedule.sigma(0.0)


# --- what the sentences about the schedules say ------------------------------------------------------------


def slope(name, t, dt=1e-4):
    """How fast alpha^2 falls at t, per unit of t."""
    alpha = SCHEDULES[name].alpha
    return float((alpha(t - dt) ** 2 - alpha(t + dt) ** 2) / (2 * dt))


def test_cosine_is_slow_at_both_ends_and_its_angle_grows_almost_evenly():
    assert max(slope("cosine", 0.05), slope("cosine", 0.95)) < 0.2 * slope("cosine", 0.5)
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    assert (SCHEDULES["cosine"].angle(t) - t * math.pi / 2).abs().max() < 0.1


@pytest.mark.parametrize("t", [0.01, 0.05, 0.5, 0.95, 0.99])
def test_sigmoid_is_steeper_than_cosine_at_both_ends_and_half_way(t):
    assert slope("sigmoid", t) > slope("cosine", t)


def test_karras_does_not_spend_most_of_t_at_low_noise():
    t = torch.linspace(0, 1, 1001, dtype=torch.float64)
    share = float((SCHEDULES["karras"].sigma(t) < SCHEDULES["karras"].alpha(t)).double().mean())
    assert share == pytest.approx(0.40, abs=0.01)


def test_the_terminal_snr_is_zero_on_all_schedules_but_linear_and_karras():
    left = {name: float(s.alpha(1.0)) for name, s in SCHEDULES.items()}
    assert left.pop("linear") == pytest.approx(0.0066, abs=5e-5)
    assert left.pop("karras") == pytest.approx(0.0125, abs=5e-5)
    assert set(left.values()) == {0.0}
    assert float(SCHEDULES["linear"].alpha(0.5)) ** 2 == pytest.approx(0.08, abs=0.005)
