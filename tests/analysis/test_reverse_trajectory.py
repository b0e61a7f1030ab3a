"""Guided runs taken apart, and sampling that starts where the terminal SNR is not zero."""

import numpy as np
import pytest
import torch

from diffviz.analysis import reverse_trajectory
from diffviz.analysis.frame_captions import clipped_share
from diffviz.analysis.guidance_analysis import recorded_predictions
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings, sample_steps

CAT = Settings("cat face", "noto", steps=6, model=checkpoints.QUICK)


@pytest.fixture(scope="module")
def quick():
    return checkpoints.load(checkpoints.QUICK)


def test_a_guided_first_prediction_is_clipped_and_sharp_and_the_conditional_one_a_blur(quick):
    steps = list(sample_steps(CAT, quick))
    guided, conditional = steps[0].x0.numpy(), recorded_predictions(steps).cond
    clipped = [float(clipped_share(x0[:1])[0]) for x0 in (guided, conditional)]
    detail = [float(reverse_trajectory.detail_rms(x0[:1])[0]) for x0 in (guided, conditional)]
    finished = float(reverse_trajectory.detail_rms(steps[-1].x0.numpy())[0])
    assert clipped[0] > 0.3 > clipped[1]
    assert detail[0] > 1.2 * detail[1] and detail[1] < 0.85 * finished


def test_detail_of_a_uniform_image_is_none():
    assert reverse_trajectory.detail_rms(np.full((2, 3, 16, 16), 0.3)).tolist() == pytest.approx([0, 0])


def test_stable_diffusions_terminal_alpha_is_the_figure_of_the_paper():
    assert reverse_trajectory.stable_diffusion_alpha() == pytest.approx(0.068265, abs=5e-7)


@pytest.mark.parametrize("alpha", [0.0, 0.0066, 0.3, 0.9, 1.0])
def test_the_time_of_an_alpha_has_that_alpha(alpha):
    schedule = SCHEDULES["cosine"]
    assert float(schedule.alpha(reverse_trajectory.time_of_alpha(alpha, schedule))) == pytest.approx(
        alpha, abs=1e-4
    )


@pytest.mark.slow
def test_pure_noise_taken_for_a_noisy_image_brings_bright_and_dark_nearer_to_grey(quick):
    means = {
        (prompt, alpha): float(
            reverse_trajectory.sample_from_noise_as(alpha, prompt, range(4), 6, quick).mean()
        )
        for prompt in ("white large square", "black large square")
        for alpha in (0.0, 0.4)
    }
    for prompt in ("white large square", "black large square"):
        assert abs(means[prompt, 0.4]) < abs(means[prompt, 0.0]) - 0.05
    assert means["black large square", 0.0] < 0 < means["white large square", 0.0]


@pytest.mark.parametrize("name", ["linear", "cosine", "karras"])
def test_the_mean_of_x1_tells_white_from_black_as_often_as_its_distribution_says(name):
    leak = reverse_trajectory.brightness_leak(SCHEDULES[name], 64, seed=0)
    expected = reverse_trajectory.expected_told_apart(leak.alpha, leak.sigma, leak.n)
    draws = 2 * len(leak.white)
    assert leak.told_apart == pytest.approx(expected, abs=4 * (0.25 / draws) ** 0.5)
    assert (expected == 0.5) == (leak.alpha == 0)


def test_a_larger_image_gives_its_brightness_away_more_often():
    alpha, sigma = (
        float(f(torch.tensor(1.0))) for f in (SCHEDULES["linear"].alpha, SCHEDULES["linear"].sigma)
    )
    small, large = (reverse_trajectory.expected_told_apart(alpha, sigma, 3 * side**2) for side in (64, 512))
    assert small == pytest.approx(0.77, abs=0.01) and large > 0.9999
