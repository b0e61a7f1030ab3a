import pytest
import torch
from helpers import make_tiny
from PIL import Image

from diffviz.diffusion.guidance import (
    batched_cfg,
    classifier_free_guidance,
    classifier_guidance,
    limited_interval,
)
from diffviz.diffusion.process import append_dims
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging.pixels import from_uint8


def at_same_snr(name, log_snr):
    """The time at which a schedule has this log-SNR, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if SCHEDULES[name].log_snr(middle) > log_snr else (low, middle)
    return torch.tensor([(low + high) / 2], dtype=torch.float64)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("log_snr", [-2.0, 0.0, 3.0])
def test_one_network_serves_every_schedule(name, log_snr, shipped):
    # The same image with the same share of the same noise, written in two schedules, gets one answer.
    x0 = torch.rand(1, *shipped.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    eps = torch.randn(1, *shipped.shape, generator=torch.Generator().manual_seed(1))
    answers = []
    for schedule in (SCHEDULES["cosine"], SCHEDULES[name]):
        t = at_same_snr(schedule.name, log_snr)
        x = append_dims(schedule.alpha(t), x0) * x0 + append_dims(schedule.sigma(t), x0) * eps
        answers.append(shipped.conditioned(["red heart"], ["noto"], schedule)(x, t))
    assert torch.allclose(*answers, atol=1e-4)


def test_estimates_are_images(shipped):
    x = torch.randn(2, *shipped.shape, generator=torch.Generator().manual_seed(0)) * 3
    x0 = shipped.conditioned(["cat", ""], [None, None], SCHEDULES["cosine"])(x, torch.tensor([0.5, 1.0]))
    assert x0.abs().max() <= 1


def test_the_shipped_network_sees_an_image_through_light_noise(shipped):
    from diffviz.imaging.uploads import resize
    from diffviz.paths import ASSETS

    assert (ASSETS / "samples").exists()
    with Image.open(ASSETS / "samples" / "cat-face-noto.png") as image:
        x0 = torch.from_numpy(from_uint8(resize(image, shipped.shape[-1])))[None]
    eps, schedule = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0)), SCHEDULES["cosine"]
    t = torch.tensor([0.3], dtype=torch.float64)
    x = append_dims(schedule.alpha(t), x0) * x0 + append_dims(schedule.sigma(t), x0) * eps
    guess = shipped.conditioned(["cat face"], ["noto"], schedule)(x, t)
    assert (guess - x0).pow(2).mean() < 0.25 * (x - x0).pow(2).mean()


def test_guidance_scale_1_is_off():
    def with_words(x, t):
        return x * 0.5

    def without(x, t):
        raise AssertionError("scale 1 must not ask without words")

    assert classifier_free_guidance(with_words, without, 1.0) is with_words


def test_guidance_follows_its_formula():
    x, t = torch.full((1, 1, 2, 2), 0.1), torch.tensor([0.5])
    guided = classifier_free_guidance(lambda x, t: 3 * x, lambda x, t: x, 2.0)
    assert torch.allclose(guided(x, t), x + 2.0 * (3 * x - x))
    assert classifier_free_guidance(lambda x, t: 30 * x, lambda x, t: x, 9.0)(x, t).max() <= 1
    # 0.1 + 9 (3 - 0.1): latents are not clipped.
    unclipped = classifier_free_guidance(lambda x, t: 30 * x, lambda x, t: x, 9.0, clip=False)(x, t)
    assert torch.allclose(unclipped, torch.full_like(x, 26.2))


def test_a_classifier_s_push_follows_its_formula():
    schedule, t = SCHEDULES["cosine"], torch.tensor([0.3, 0.6], dtype=torch.float64)
    x = torch.full((2, 1, 1, 1), 0.2)
    alpha, sigma = schedule.alpha(t).float(), schedule.sigma(t).float()

    def denoise(x, t):  # images of one standard normal pixel: E[x0 | x_t] = alpha x_t
        return alpha.view(-1, 1, 1, 1) * x

    def log_p(x0):  # a classifier that wants the pixel to be 0.5
        return -(x0 - 0.5).pow(2).flatten(1).sum(1) / 2

    pushed = classifier_guidance(denoise, log_p, 0.4, schedule)(x, t).flatten()
    slope = (0.5 - alpha * 0.2) * alpha
    assert torch.allclose(pushed, alpha * 0.2 + 0.4 * sigma**2 / alpha * slope, atol=1e-6)
    assert classifier_guidance(denoise, None, 0.0, schedule) is denoise


def test_the_network_s_answer_has_a_gradient_where_it_is_asked_for():
    tiny, schedule = make_tiny(), SCHEDULES["cosine"]
    x = torch.randn(1, *tiny.shape, generator=torch.Generator().manual_seed(0)) / 2
    t = torch.tensor([0.5], dtype=torch.float64)
    denoise = tiny.conditioned(["cat"], [None], schedule)
    assert denoise(x, t).is_inference()
    asked = x.clone().requires_grad_(True)
    answer = denoise(asked, t)
    assert torch.allclose(answer, denoise(x, t))
    (slope,) = torch.autograd.grad(answer.sum(), asked)
    step = 1e-2 * slope / slope.norm()
    climbed = (denoise(x + step, t).sum() - denoise(x - step, t).sum()) / 2
    assert climbed == pytest.approx(float((slope * step).sum()), rel=0.1)


def test_an_interval_decides_for_each_image_by_its_own_time():
    x, t = torch.ones(4, 1, 2, 2), torch.tensor([0.2, 0.5, 0.7, 0.9])
    mixed = limited_interval(lambda x, t: 3 * x, lambda x, t: x, 0.2, 0.7)(x, t)
    assert mixed[:, 0, 0, 0].tolist() == [1, 3, 3, 1]  # the lower end is left out, the upper is in
    inside = limited_interval(lambda x, t: 3 * x, None, 0.0, 1.0)(x, t)
    outside = limited_interval(None, lambda x, t: x, 0.95, 1.0)(x, t)
    assert (inside == 3).all() and (outside == 1).all()  # and nothing is asked that is not used


def test_both_questions_in_one_batch_give_what_two_give():
    tiny = make_tiny()
    schedule = SCHEDULES["cosine"]
    x = torch.randn(2, *tiny.shape, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.4, 0.8], dtype=torch.float64)
    words, styles = ["cat", "dog"], ["noto", None]
    with_words = tiny.conditioned(words, styles, schedule)
    without = tiny.conditioned(["", ""], [None, None], schedule)
    both = tiny.conditioned([*words, "", ""], [*styles, None, None], schedule)
    expected = classifier_free_guidance(with_words, without, 2.5)(x, t)
    assert torch.allclose(batched_cfg(both, 2.5)(x, t), expected, atol=1e-5)
