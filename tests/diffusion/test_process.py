import pytest
import torch

from diffviz.diffusion import process
from diffviz.diffusion.schedules import SCHEDULES


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=4, seed=1):
    return torch.rand(n, 3, 8, 8, generator=rng(seed), dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_jump_is_alpha_x0_plus_sigma_eps(name):
    x0, eps = images(), torch.randn(4, 3, 8, 8, generator=rng(), dtype=torch.float64)
    t = torch.tensor([0.0, 0.3, 0.7, 1.0], dtype=torch.float64)
    x = process.add_noise(x0, eps, t, SCHEDULES[name])
    for b in range(4):
        by_hand = SCHEDULES[name].alpha(t[b]) * x0[b] + SCHEDULES[name].sigma(t[b]) * eps[b]
        assert torch.allclose(x[b], by_hand)


@pytest.mark.parametrize("name", SCHEDULES)
def test_step_by_step_has_the_one_jumps_mean_and_variance(name):
    # 20,000 chains of one pixel each: the mean and the variance of x_t have standard errors below.
    n, schedule, x0 = 20_000, SCHEDULES[name], 0.6
    start = torch.full((n, 1, 1, 1), x0, dtype=torch.float64)
    generator, x, s = rng(3), start, 0.0
    for t in (0.1, 0.25, 0.5, 0.8, 1.0):
        x = process.noise_one_step(
            x, torch.randn(x.shape, generator=generator, dtype=x.dtype), s, t, schedule
        )
        s = t
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        mean, variance = float(x.mean()), float(x.var())
        # karras starts with a sigma of 0.002 that a chain from the clean image does not have
        assert mean == pytest.approx(alpha * x0 / float(schedule.alpha(0.0)), abs=5 * sigma / n**0.5)
        assert variance == pytest.approx(sigma**2, rel=5 * (2 / n) ** 0.5, abs=1e-5)


def test_the_chain_stops_where_nothing_of_the_image_is_left():
    with pytest.raises(ValueError, match="nothing of the image is left"):
        process.noise_one_step(images(), images(), 1.0, 1.0, SCHEDULES["cosine"])


def test_forward_chain_yields_one_state_per_time_and_depends_only_on_its_generator():
    ts = [0.25, 0.5, 0.75, 1.0]
    x0 = images(1).float()
    first = list(process.forward_chain(x0, ts, SCHEDULES["cosine"], rng(5)))
    again = list(process.forward_chain(x0, ts, SCHEDULES["cosine"], rng(5)))
    other = list(process.forward_chain(x0, ts, SCHEDULES["cosine"], rng(6)))
    assert len(first) == 4
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("t", [0.05, 0.4, 0.9])
def test_x0_eps_and_v_convert_into_one_another(name, t):
    schedule = SCHEDULES[name]
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    x0, eps = images(), torch.randn(4, 3, 8, 8, generator=rng(), dtype=torch.float64)
    x = alpha * x0 + sigma * eps
    v = process.v_from_x0_eps(x0, eps, alpha, sigma)
    assert torch.allclose(process.x0_from_v(x, v, alpha, sigma), x0, atol=1e-10)
    assert torch.allclose(process.eps_from_v(x, v, alpha, sigma), eps, atol=1e-10)
    assert torch.allclose(process.eps_from_x0(x, x0, alpha, sigma), eps, atol=1e-10)
    assert torch.allclose(process.x0_from_eps(x, eps, alpha, sigma), x0, atol=1e-10)


def test_v_is_usable_at_both_ends():
    one, zero = torch.tensor(1.0), torch.tensor(0.0)
    x0, eps = images().float(), images(seed=2).float()
    assert torch.equal(process.x0_from_v(x0, process.v_from_x0_eps(x0, eps, one, zero), one, zero), x0)
    assert torch.allclose(process.x0_from_v(eps, process.v_from_x0_eps(x0, eps, zero, one), zero, one), x0)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_chain_has_the_noise_of_its_schedule_from_its_first_state_on(name):
    schedule, zero = SCHEDULES[name], torch.zeros(1, 1, 256, 256)
    for t, x in zip((0.001, 0.02), process.forward_chain(zero, (0.001, 0.02), schedule, rng(0)), strict=True):
        assert float(x.std()) == pytest.approx(float(schedule.sigma(t)), rel=0.02)
