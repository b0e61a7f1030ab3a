"""Every mistake changes what it should, and its repair restores the healthy run to the bit."""

import dataclasses
import inspect

import numpy as np
import pytest
import torch
from helpers import make_tiny, make_tiny_latent

from diffviz.analysis import broken_pipelines as workshop
from diffviz.analysis.broken_pipelines import CASES, PARTS, PROMPTS, STEPS, broken, mended, run
from diffviz.analysis.reverse_trajectory import EXTREMES, brightness_change
from diffviz.diffusion.samplers import final_step
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import rmse
from diffviz.imaging import samples
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.text_to_image import Settings, sample_steps

SEEDS = [3, 4, 5, 6]


def pixels(size):
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)


STEP_NET = make_tiny(seed=1).net  # stands for weights that are not averaged


def frames(parts, case, denoiser):
    step_net = STEP_NET if case.part == "weights" else None
    return list(run(parts, case, denoiser, SEEDS, pixels(denoiser.image_size), step_net))


class Spy(torch.nn.Module):
    """A network that keeps what it was given: inputs (2 B, C, H, W), angles (2 B,) and tokens (2 B, L) of each step."""

    def __init__(self, denoiser):
        super().__init__()
        self.net, self.config, self.seen = denoiser.net, denoiser.net.config, []

    def forward(self, x, angle, tokens):
        self.seen.append((x, angle, tokens))
        return self.net(x, angle, tokens)


def spied(parts, case, denoiser):
    """(what the network was given at each step, the frames)."""
    spy = Spy(denoiser)
    return spy.seen, frames(parts, case, Denoiser(spy, denoiser.vocabulary))


@pytest.fixture(params=CASES.values(), ids=list(CASES))
def case(request):
    return request.param


@pytest.fixture(scope="module")
def latent():
    return make_tiny_latent()


@pytest.fixture
def network(case, tiny, latent):
    """An untrained network of the kind that the case runs on."""
    return latent if checkpoints.manifest()[case.model].autoencoder else tiny


def test_there_are_at_least_ten_mistakes_each_in_a_part_of_its_own():
    assert len(CASES) >= 10
    assert len({c.wrong for c in CASES.values()}) == len(CASES)
    assert {c.part for c in CASES.values()} == {f.name for f in dataclasses.fields(PARTS)}
    assert len({c.title for c in CASES.values()}) == len(CASES)


def test_a_mistake_takes_the_arguments_of_the_part_and_is_two_lines_long(case):
    wrong, right = inspect.signature(case.wrong), inspect.signature(case.right)
    assert list(wrong.parameters) == list(right.parameters)
    for function in (case.wrong, case.right):
        assert 2 <= len(inspect.getsource(function).strip().splitlines()) <= 3


def test_a_mistake_has_a_source_that_can_be_opened(case):
    assert case.source.url.startswith(("https://github.com/", "https://arxiv.org/abs/"))
    assert case.source.text and case.sign.endswith(".") and case.why.endswith(".")


def test_the_repair_restores_the_healthy_run_to_the_bit(case, network):
    healthy, repaired = frames(PARTS, case, network), frames(mended(broken(case), case), case, network)
    assert mended(broken(case), case) == PARTS
    for a, b in zip(healthy, repaired, strict=True):
        assert torch.equal(a.step.x, b.step.x) and torch.equal(a.step.x0, b.step.x0)
        assert np.array_equal(a.input_rms, b.input_rms, equal_nan=True)


def test_a_mistake_changes_the_finished_images(case, network):
    healthy, wrong = frames(PARTS, case, network)[-1], frames(broken(case), case, network)[-1]
    assert not torch.equal(healthy.step.x, wrong.step.x) and not torch.equal(healthy.images, wrong.images)
    assert torch.isfinite(wrong.step.x).all()


def test_the_parts_together_are_the_library(tiny):
    """Up to rounding: the library runs one image, the workshop four."""
    case = CASES["guidance-off-by-one"]
    made = frames(PARTS, case, tiny)[-1].step.x
    for i, (prompt, seed) in enumerate(zip(PROMPTS, SEEDS, strict=True)):
        settings = Settings(prompt, workshop.STYLE, seed, STEPS, guidance=workshop.GUIDANCE)
        assert torch.allclose(made[i], final_step(sample_steps(settings, tiny)).x[0], atol=1e-4)


# --- each mistake where it is made, and nowhere else --------------------------------------------------------


def test_shifted_captions_are_another_images_words(tiny):
    case = CASES["captions-shifted"]
    (healthy, _), (wrong, _) = spied(PARTS, case, tiny), spied(broken(case), case, tiny)
    n = len(PROMPTS)
    for a, b in zip(healthy, wrong, strict=True):
        assert torch.equal(b[2][:n], a[2][:n].roll(-1, 0)) and torch.equal(b[2][n:], a[2][n:])
    assert torch.equal(healthy[0][0], wrong[0][0])


def test_one_noise_leaves_the_first_image_as_it_was_and_makes_twins(tiny):
    case = CASES["one-noise"]
    healthy, wrong = frames(PARTS, case, tiny), frames(broken(case), case, tiny)
    assert PROMPTS[0] == PROMPTS[1]
    assert torch.equal(wrong[0].step.x, healthy[0].step.x[:1].expand(4, -1, -1, -1))
    assert torch.allclose(wrong[-1].step.x[0], wrong[-1].step.x[1], atol=1e-5)
    assert not torch.allclose(healthy[-1].step.x[0], healthy[-1].step.x[1], atol=0.1)


def test_noise_that_is_not_scaled_is_80_times_too_small(tiny):
    case = CASES["noise-unscaled"]
    healthy, wrong = frames(PARTS, case, tiny)[0], frames(broken(case), case, tiny)[0]
    assert torch.allclose(healthy.step.x, 80 * wrong.step.x, rtol=1e-4)
    assert healthy.input_rms == pytest.approx(1, abs=0.1) and wrong.input_rms == pytest.approx(
        1 / 80, rel=0.1
    )


def test_an_input_that_is_not_scaled_is_80_times_too_large(tiny):
    case = CASES["input-unscaled"]
    healthy, wrong = spied(PARTS, case, tiny)[0][0], spied(broken(case), case, tiny)[0][0]
    assert torch.allclose(wrong[0], healthy[0] * 6401**0.5, rtol=1e-3)
    assert torch.equal(wrong[1], healthy[1])


@pytest.mark.parametrize("name", ["time-off-by-one", "times-ascending"])
def test_a_wrong_time_is_told_and_the_sampler_keeps_its_own(name, tiny):
    case, schedule = CASES[name], SCHEDULES["cosine"]
    (healthy, plain), (wrong, steps) = spied(PARTS, case, tiny), spied(broken(case), case, tiny)
    told = [float(angle[0]) for _, angle, _ in wrong]
    ts = case.timesteps
    expected = ts[1:] if name == "time-off-by-one" else ts[-2::-1]
    assert told == pytest.approx([float(schedule.angle(t)) for t in expected], abs=1e-6)
    assert [f.step.t for f in steps] == [f.step.t for f in plain]
    assert torch.equal(healthy[0][0], wrong[0][0])


def test_pixels_from_0_to_1_are_half_as_strong_and_above_zero(tiny):
    case, given = CASES["pixel-range"], torch.tensor([0.0, 127.5, 255.0])
    assert case.right(given).tolist() == [-1, 0, 1] and case.wrong(given).tolist() == [0, 0.5, 1]
    x = [frames(parts, case, tiny)[0].step.x for parts in (PARTS, broken(case))]
    shift = float(SCHEDULES["cosine"].alpha(case.start)) * (1 - (pixels(16) / 127.5 - 1)) / 2
    assert torch.allclose(x[1] - x[0], torch.from_numpy(np.moveaxis(shift, -1, 0)).float(), atol=1e-5)


def test_latents_that_are_not_scaled_are_those_of_the_encoder_alone(latent):
    case = CASES["latents-unscaled"]
    x = [frames(parts, case, latent)[0].step.x for parts in (PARTS, broken(case))]
    image = torch.from_numpy(np.moveaxis(pixels(64) / 127.5 - 1, -1, 0)).float()[None]
    with torch.inference_mode():
        unit = latent.autoencoder.encode(image)
    expected = float(SCHEDULES["cosine"].alpha(case.start)) * (0.5 * unit + 0.3 - unit)
    assert torch.allclose(x[1] - x[0], expected.expand_as(x[0]), atol=1e-5)


def test_clipped_latents_stay_in_the_range_of_images_and_others_do_not(latent):
    case = CASES["latents-clipped"]
    healthy, wrong = (
        torch.stack([f.step.x0 for f in frames(p, case, latent)]) for p in (PARTS, broken(case))
    )
    assert healthy.abs().max() > 1 >= wrong.abs().max()


@pytest.mark.slow
def test_clipped_latents_make_paler_images():
    """What its `sign` says, on the shipped network."""
    case = CASES["latents-clipped"]
    denoiser = checkpoints.load(case.model)
    healthy, wrong = (list(run(parts, case, denoiser, range(4))) for parts in (PARTS, broken(case)))
    assert (wrong[-1].images.mean((1, 2, 3)) > healthy[-1].images.mean((1, 2, 3))).all()
    assert all(f.step.x0.square().mean() < 1 for f in wrong)
    assert all(f.step.x0.square().mean() > 1 for f in healthy)


@pytest.mark.slow
def test_latents_that_are_not_scaled_make_paler_images():
    """What its `sign` says, on the shipped network."""
    case = CASES["latents-unscaled"]
    denoiser = checkpoints.load(case.model)
    image = samples.pixels("cat-face-noto.png", denoiser.image_size)
    healthy, wrong = (list(run(parts, case, denoiser, range(4), image)) for parts in (PARTS, broken(case)))
    assert (wrong[-1].images.mean((1, 2, 3)) > healthy[-1].images.mean((1, 2, 3))).all()
    for a, b in zip(healthy, wrong, strict=True):
        assert b.step.x0.square().mean() < a.step.x0.square().mean()


def test_outputs_are_v_and_what_they_are_taken_for_is_not():
    alpha, sigma = torch.tensor(0.6), torch.tensor(0.8)
    x0, eps = torch.tensor([0.3, -0.7]), torch.tensor([1.1, 0.2])
    x, v = alpha * x0 + sigma * eps, alpha * eps - sigma * x0
    assert torch.allclose(PARTS.read_output(x, v, alpha, sigma), x0)
    assert torch.allclose(CASES["v-read-as-eps"].wrong(x, eps, alpha, sigma), x0)  # right, were it ε
    assert torch.equal(CASES["v-read-as-x0"].wrong(x, v, alpha, sigma), v)


def test_guidance_off_by_one_is_guidance_at_the_next_scale():
    cond, uncond = torch.tensor([0.5]), torch.tensor([0.2])
    wrong = CASES["guidance-off-by-one"].wrong
    assert torch.allclose(wrong(cond, uncond, 3.0), PARTS.guide(cond, uncond, 4.0))
    assert torch.equal(PARTS.guide(cond, uncond, 1.0), cond)


def test_swapped_halves_guide_away_from_the_prompt():
    outputs = torch.tensor([0.5, 0.2])  # conditional, unconditional
    right, wrong = PARTS.split(outputs), CASES["halves-swapped"].wrong(outputs)
    assert [float(v) for v in wrong] == [float(v) for v in right[::-1]]
    assert PARTS.guide(right[0], right[1], 3.0) > right[0] > right[1] > PARTS.guide(wrong[0], wrong[1], 3.0)


def test_what_is_not_clipped_leaves_the_range_of_images(tiny):
    case = CASES["not-clipped"]
    healthy, wrong = frames(PARTS, case, tiny), frames(broken(case), case, tiny)
    assert max(float(f.step.x0.abs().max()) for f in healthy) <= 1
    assert max(float(f.step.x0.abs().max()) for f in wrong) > 1


def test_noise_after_the_last_step_has_the_variance_of_that_step(tiny):
    case = CASES["last-noise"]
    healthy, wrong = frames(PARTS, case, tiny), frames(broken(case), case, tiny)
    for a, b in zip(healthy[:-1], wrong[:-1], strict=True):
        assert torch.equal(a.step.x, b.step.x)
    added = wrong[-1].step.x - healthy[-1].step.x
    beta = float(SCHEDULES["cosine"].beta(1 / STEPS, 0.0))
    # 3072 normal values: their standard deviation is within 6 % of the true one but for one run in 200,000 (4.7 sigma).
    assert added.std() == pytest.approx(beta**0.5, rel=0.06)


def test_the_schedule_of_stable_diffusion_does_not_end_at_zero_and_its_repair_does():
    given, repaired = workshop.SCALED_LINEAR, workshop.zero_terminal_snr(workshop.SCALED_LINEAR)
    steps = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    discrete = torch.cumprod(1 - steps, 0).sqrt()
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    assert torch.allclose(given.alpha(t), discrete, atol=2e-3)
    assert float(given.alpha(1.0)) == pytest.approx(0.069, abs=5e-4)
    assert float(repaired.alpha(1.0)) == 0 and float(repaired.alpha(0.0)) == 1
    assert torch.allclose(repaired.alpha(t) ** 2 + repaired.sigma(t) ** 2, torch.ones_like(t))
    assert (repaired.alpha(t).diff() < 0).all()
    for same in (SCHEDULES["cosine"], workshop.VARIANCE_EXPLODING):
        assert workshop.zero_terminal_snr(same) is same


@pytest.mark.slow
def test_without_the_average_the_heart_is_a_colder_red_and_the_input_as_it_should_be():
    """What its `sign` says, on the shipped network and the weights of a step: less green in the heart for every seed."""
    case = CASES["no-average"]
    denoiser, step_net = workshop.load(case)
    healthy, wrong = (
        list(run(parts, case, denoiser, range(20, 24), None, step_net)) for parts in (PARTS, broken(case))
    )
    heart = PROMPTS.index("red heart")
    green = [float(frames[-1].images[heart, 1].mean()) for frames in (healthy, wrong)]
    assert green[1] < green[0] - 0.05
    for a, b in zip(healthy[:-1], wrong[:-1], strict=True):
        assert np.allclose(a.input_rms, b.input_rms, atol=0.05)
    assert (wrong[-1].images - healthy[-1].images).square().mean() > 0.1**2


@pytest.mark.slow
def test_a_schedule_that_ends_above_zero_makes_white_and_black_grey():
    """What its `sign` says, on the shipped network: white and black squares are far nearer to grey, as anyone sees."""
    case = CASES["terminal-snr"]
    denoiser, _ = workshop.load(case)
    healthy, wrong = (
        list(run(parts, case, denoiser, range(4)))[-1].images for parts in (PARTS, broken(case))
    )
    before, after = (images.mean((1, 2, 3)) for images in (healthy, wrong))
    white = np.array(case.prompts) == EXTREMES[0]
    assert (before[white] > 0.6).all() and (before[~white] < -0.1).all()
    assert brightness_change(before.tolist(), after.tolist()) == "nearer to medium grey"
    assert (after[white] < before[white] - 0.15).all() and (after[~white] > before[~white] + 0.1).all()
    assert rmse(healthy.numpy(), wrong.numpy()) > 0.2
    grey = [
        images[:, :, 24:40, 24:40].mean((1, 2, 3)).abs() for images in (healthy, wrong)
    ]  # of the squares alone
    assert (grey[1] < grey[0] - 0.1).all()


def test_without_the_average_another_network_is_evaluated_from_the_same_noise(tiny):
    case = CASES["no-average"]
    healthy, wrong = frames(PARTS, case, tiny), frames(broken(case), case, tiny)
    only = list(run(PARTS, case, Denoiser(STEP_NET, tiny.vocabulary), SEEDS))
    assert torch.equal(wrong[0].step.x, healthy[0].step.x)
    for a, b in zip(wrong, only, strict=True):
        assert torch.equal(a.step.x, b.step.x) and torch.equal(a.step.x0, b.step.x0)


def test_cases_that_agree_in_their_healthy_run_have_it_to_the_bit(tiny):
    """The page makes it once for all of them."""
    a, b, other = (CASES[name] for name in ("captions-shifted", "no-average", "last-noise"))
    assert a.healthy == b.healthy != other.healthy
    first, second = (frames(PARTS, case, tiny)[-1].step.x for case in (a, b))
    assert torch.equal(first, second)


def test_a_case_can_have_fewer_steps(tiny):
    case = dataclasses.replace(CASES["one-noise"], fewer_steps=5)
    assert len(frames(PARTS, case, tiny)) == 6 and CASES["one-noise"].steps == STEPS
    assert case.healthy != CASES["one-noise"].healthy


def test_what_a_run_lacks_is_said(tiny):
    with pytest.raises(ValueError, match="one seed for each of the 4"):
        next(run(PARTS, CASES["one-noise"], tiny, [0]))
    with pytest.raises(ValueError, match="give its pixels"):
        next(run(PARTS, CASES["pixel-range"], tiny, SEEDS))
