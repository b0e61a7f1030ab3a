"""Samplers against closed forms (a Gaussian's exact denoiser) and against diffusers on the same network."""

import functools
from itertools import pairwise

import numpy as np
import pytest
import torch

from diffviz.diffusion.process import append_dims
from diffviz.diffusion.samplers import (
    SAMPLERS,
    SPACINGS,
    Step,
    ddim,
    ddpm,
    euler,
    make_generators,
    randn_per_seed,
    timesteps,
)
from diffviz.diffusion.schedules import SCHEDULES

MEAN, STD = 0.3, 0.5


def exact(schedule):
    """The best possible denoiser when every pixel of the data is N(MEAN, STD^2): E[x0 | x_t]."""

    def denoise(x, t):
        alpha, sigma = (append_dims(f(t), x) for f in (schedule.alpha, schedule.sigma))
        return (MEAN * sigma**2 + STD**2 * alpha * x) / (alpha**2 * STD**2 + sigma**2)

    return denoise


def last(steps):
    return list(steps)[-1]


def exact_path(x, schedule, t, s):
    """Where the probability-flow ODE carries x from time t to time s: each keeps its quantile."""
    alpha, sigma, alpha_s, sigma_s = (float(f(v)) for v in (t, s) for f in (schedule.alpha, schedule.sigma))
    spread, spread_s = ((a**2 * STD**2 + b**2) ** 0.5 for a, b in ((alpha, sigma), (alpha_s, sigma_s)))
    return alpha_s * MEAN + spread_s * (x - alpha * MEAN) / spread


# unipc: its corrector adds one to the predictor's order (arXiv 2302.04867, theorem 3.1).
ORDERS = {"ddim": (1, 0.15), "euler": (1, 0.15), "heun": (2, 0.15), "dpmpp_2m": (2, 0.15), "unipc": (3, 0.4)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cosine", "flow", "sigmoid"])
@pytest.mark.parametrize(("sampler", "order"), ORDERS.items())
def test_error_falls_at_the_order_of_the_method(sampler, order, name):
    schedule, start, end = SCHEDULES[name], 0.95, 0.05
    x = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    counts, errors = (20, 40, 80, 160), []
    for n in counts:
        ts = [start + (end - start) * i / n for i in range(n + 1)]
        reached = last(SAMPLERS[sampler](exact(schedule), x, ts, schedule)).x
        errors.append(float((reached - exact_path(x, schedule, start, end)).pow(2).mean().sqrt()))
    fitted = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert fitted == pytest.approx(order[0], abs=order[1]), errors


@functools.cache
def fine_timesteps(name):
    """300 steps even in log-SNR, where each time is found by bisection."""
    return SPACINGS["log-snr"](300, SCHEDULES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("sampler", ORDERS)
def test_a_long_run_from_pure_noise_ends_where_the_exact_path_does(sampler, name):
    schedule = SCHEDULES[name]
    x = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    reached = last(SAMPLERS[sampler](exact(schedule), x, fine_timesteps(name), schedule)).x
    # The jump to t = 0 from the last time leaves a little of the spread out.
    assert (reached - exact_path(x, schedule, 1.0, 0.0)).abs().max() < 0.03


@pytest.mark.parametrize("name", SCHEDULES)
def test_euler_is_ddim_in_other_coordinates(name, tiny):
    schedule = SCHEDULES[name]
    denoise, x = (
        tiny.conditioned(["cat"], ["noto"], schedule),
        randn_per_seed(make_generators([2]), tiny.shape),
    )
    for p, q in zip(
        ddim(denoise, x, timesteps(9), schedule), euler(denoise, x, timesteps(9), schedule), strict=True
    ):
        assert torch.allclose(p.x, q.x, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
def test_ddpm_samples_have_the_data_mean_and_spread(name):
    schedule, n = SCHEDULES[name], 64
    rng = make_generators(range(n))
    x = randn_per_seed(rng, (1, 16, 16)).double() * float(schedule.sigma(1.0))
    x = x + float(schedule.alpha(1.0)) * MEAN  # the little image that some schedules leave at t = 1
    end = last(ddpm(exact(schedule), x, timesteps(400), schedule, rng=rng)).x
    count = end.numel()
    assert float(end.mean()) == pytest.approx(MEAN, abs=5 * STD / count**0.5)
    assert float(end.std()) == pytest.approx(STD, rel=0.03)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [2, 7])
def test_ddpm_is_ddim_at_eta_1(name, steps, tiny):
    schedule = SCHEDULES[name]
    denoise = tiny.conditioned(["cat"], ["noto"], schedule)
    a, b = make_generators([3]), make_generators([3])
    one = list(ddpm(denoise, randn_per_seed(a, tiny.shape), timesteps(steps), schedule, rng=a))
    two = list(ddim(denoise, randn_per_seed(b, tiny.shape), timesteps(steps), schedule, eta=1.0, rng=b))
    for p, q in zip(one, two, strict=True):
        assert torch.allclose(p.x, q.x, atol=1e-4)


@pytest.mark.parametrize("sampler", [s for s in SAMPLERS if s != "heun"])  # heun asks twice a step
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_first_question_is_at_pure_noise_and_last_answer_is_the_image(sampler, steps, tiny):
    schedule, asked = SCHEDULES["cosine"], []
    inner = tiny.conditioned(["dog"], [None], schedule)

    def denoise(x, t):
        asked.append((x.clone(), float(t[0])))
        return inner(x, t)

    rng = make_generators([0])
    x = randn_per_seed(rng, tiny.shape)
    seen = list(SAMPLERS[sampler](denoise, x, timesteps(steps), schedule, rng=rng))
    assert [t for _, t in asked] == pytest.approx([1 - i / steps for i in range(steps)])
    assert torch.equal(asked[0][0], x)
    assert [s.i for s in seen] == list(range(steps + 1))
    assert seen[-1].t == 0.0
    assert torch.equal(seen[-1].x, seen[-2].x0)  # nothing is added back after the last estimate
    assert torch.equal(seen[-1].x, seen[-1].x0)
    for (x, t), step in zip(asked, seen[:-1], strict=True):
        assert torch.equal(x, step.x)
        assert t == step.t


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_step_is_consistent(sampler, tiny):
    schedule, rng = SCHEDULES["linear"], make_generators([0, 1])
    denoise = tiny.conditioned(["cat", ""], ["noto", None], schedule)
    for step in list(
        SAMPLERS[sampler](denoise, randn_per_seed(rng, tiny.shape), timesteps(4), schedule, rng=rng)
    )[:-1]:
        alpha, sigma = float(schedule.alpha(step.t)), float(schedule.sigma(step.t))
        assert torch.allclose(alpha * step.x0 + sigma * step.eps, step.x, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 5, 25])
@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_ddim_equals_diffusers_on_the_shipped_network(steps, eta, shipped):
    from diffusers import DDIMScheduler

    theirs = DDIMScheduler(
        num_train_timesteps=1000, clip_sample=False, set_alpha_to_one=True, prediction_type="sample",
        timestep_spacing="trailing",
    )  # fmt: skip
    _same_as(theirs, steps, shipped, lambda d, x, ts, s, rng: ddim(d, x, ts, s, eta=eta, rng=rng), eta=eta)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 5, 25])
def test_ddpm_equals_diffusers_on_the_shipped_network(steps, shipped):
    from diffusers import DDPMScheduler

    theirs = DDPMScheduler(
        num_train_timesteps=1000, clip_sample=False, prediction_type="sample", timestep_spacing="trailing",
        variance_type="fixed_small",
    )  # fmt: skip
    _same_as(theirs, steps, shipped, lambda d, x, ts, s, rng: ddpm(d, x, ts, s, rng=rng))


def _same_as(theirs, steps, shipped, ours, **extra):
    schedule = SCHEDULES["cosine"]
    theirs.alphas_cumprod = (schedule.alpha(torch.arange(1, 1001, dtype=torch.float64) / 1000) ** 2).float()
    theirs.set_timesteps(steps)
    denoise = shipped.conditioned(["cat face"], ["noto"], schedule)
    rng = make_generators([7])
    start = randn_per_seed(rng, shipped.shape)
    mine = [s.x for s in ours(denoise, start, timesteps(steps), schedule, rng)]
    noise, x = make_generators([7])[0], None
    x = torch.randn(1, *shipped.shape, generator=noise)
    assert torch.equal(x, start)
    assert [(int(k) + 1) / 1000 for k in theirs.timesteps] == pytest.approx(timesteps(steps)[:-1], abs=6e-4)
    for i, k in enumerate(theirs.timesteps):
        assert (mine[i] - x).abs().max() <= 1e-4
        x0 = denoise(x, torch.tensor([(int(k) + 1) / 1000], dtype=torch.float64))
        x = theirs.step(x0, k, x, generator=noise, **extra).prev_sample
    assert (mine[-1] - x).abs().max() <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("steps", [5, 10, 25])
@pytest.mark.parametrize("sampler", ["euler", "heun", "dpmpp_2m", "unipc"])
def test_the_others_equal_diffusers_on_the_shipped_network(sampler, steps, shipped):
    import diffusers

    schedule = SCHEDULES["linear"]  # diffusers' versions of these cannot start where alpha is 0
    names = {
        "euler": "EulerDiscreteScheduler",
        "heun": "HeunDiscreteScheduler",
        "dpmpp_2m": "DPMSolverMultistepScheduler",
        "unipc": "UniPCMultistepScheduler",
    }
    theirs = getattr(diffusers, names[sampler])(
        num_train_timesteps=1000, prediction_type="epsilon", timestep_spacing="trailing"
    )
    theirs.alphas_cumprod = (schedule.alpha(torch.arange(1, 1001, dtype=torch.float64) / 1000) ** 2).float()
    theirs.set_timesteps(steps)
    denoise, start = (
        shipped.conditioned(["cat face"], ["noto"], schedule),
        randn_per_seed(make_generators([7]), shipped.shape),
    )
    mine = last(SAMPLERS[sampler](denoise, start, timesteps(steps), schedule)).x
    in_k = sampler in ("euler", "heun")  # these two hold y = x / alpha
    x = start / float(schedule.alpha(1.0)) if in_k else start
    for k in theirs.timesteps:
        t = torch.tensor([(float(k) + 1) / 1000], dtype=torch.float64)
        alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
        state = x * alpha if in_k else x
        eps = (state - alpha * denoise(state, t)) / sigma
        x = theirs.step(eps, k, x).prev_sample
    assert (mine - x).pow(2).mean().sqrt() <= 1e-3 * x.pow(2).mean().sqrt()


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [1, 2, 5, 30])
def test_every_spacing_begins_at_pure_noise_falls_and_ends_at_the_image(spacing, name, steps):
    ts = SPACINGS[spacing](steps, SCHEDULES[name])
    assert len(ts) == steps + 1
    assert ts[0] == 1 and ts[-1] == 0
    assert all(a > b for a, b in pairwise(ts))


def test_log_snr_spacing_is_even_in_log_snr():
    schedule = SCHEDULES["cosine"]
    levels = [float(schedule.log_snr(t)) for t in SPACINGS["log-snr"](12, schedule)[1:-1]]
    assert np.allclose(np.diff(levels), np.diff(levels)[0], rtol=1e-6)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_calls_are_counted_right(sampler, steps, tiny):
    asked = []
    inner = tiny.conditioned(["cat"], [None], SCHEDULES["cosine"])
    rng = make_generators([0])

    def denoise(x, t):
        asked.append(float(t[0]))
        return inner(x, t)

    list(
        SAMPLERS[sampler](
            denoise, randn_per_seed(rng, tiny.shape), timesteps(steps), SCHEDULES["cosine"], rng=rng
        )
    )
    assert len(asked) == SAMPLERS[sampler].nfe(steps)
    assert asked == pytest.approx(SAMPLERS[sampler].eval_times(timesteps(steps)))


def test_a_seed_gives_the_same_noise_in_any_batch():
    alone, together = (
        randn_per_seed(make_generators([5]), (3, 4, 4)),
        randn_per_seed(make_generators([4, 5, 6]), (3, 4, 4)),
    )
    assert torch.equal(alone[0], together[1])


def test_ddim_needs_no_generators_unless_it_adds_noise(tiny):
    denoise, x = tiny.conditioned(["cat"], [None], SCHEDULES["cosine"]), torch.zeros(1, *tiny.shape)
    assert isinstance(last(ddim(denoise, x, timesteps(2), SCHEDULES["cosine"])), Step)
    with pytest.raises(ValueError, match="one generator per image"):
        next(ddim(denoise, x, timesteps(2), SCHEDULES["cosine"], eta=0.3))


def test_a_run_needs_a_step():
    with pytest.raises(ValueError, match="at least one step"):
        timesteps(0)


def test_samplers_stop_when_the_caller_does(tiny):
    asked = []
    inner = tiny.conditioned(["cat"], [None], SCHEDULES["cosine"])

    def denoise(x, t):
        asked.append(t)
        return inner(x, t)

    steps = ddim(denoise, torch.zeros(1, *tiny.shape), timesteps(50), SCHEDULES["cosine"])
    next(steps)
    next(steps)
    steps.close()
    assert len(asked) == 2
