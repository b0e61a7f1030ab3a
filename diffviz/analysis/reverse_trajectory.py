"""Sampling trajectories taken apart: the conditional prediction under guidance, and a start at the wrong noise level."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from diffviz.analysis.frame_captions import split_layout_detail
from diffviz.diffusion.samplers import ddim, final_step, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES, STABLE_DIFFUSION_BETA, Schedule
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.models.denoiser import Denoiser

EXTREMES = ("white large square", "black large square")  # prompts of a very bright and of a very dark image
BRIGHTNESS_CHANGES = ("not at all", "darker", "nearer to medium grey", "in different ways")


def detail_rms(images: np.ndarray) -> np.ndarray:
    """Root mean square of the fine detail (what block averages leave) of images (F, C, H, W): (F,)."""
    return rmse(split_layout_detail(images)[1], axis=PER_IMAGE)


def stable_diffusion_alpha() -> float:
    """sqrt(alpha_bar_T) of Stable Diffusion 1 and 2: what their schedule leaves of the latents at the last timestep.

    The square root of beta_t grows evenly from that of 0.00085 to that of 0.012 over 1000 steps; Lin et al. 2023
    (arXiv 2305.08891) give 0.068265.
    """
    start, end = STABLE_DIFFUSION_BETA
    beta = np.linspace(math.sqrt(start), math.sqrt(end), 1000) ** 2
    return math.sqrt(float(np.prod(1 - beta)))


def time_of_alpha(alpha: float, schedule: Schedule) -> float:
    """The t at which a variance preserving schedule has this alpha, from 0 to 1: 1 for alpha = 0, 0 for alpha = 1."""
    if alpha in (0, 1):
        return 1.0 - alpha
    return schedule.inverse_log_snr(math.log(alpha**2 / (1 - alpha**2)))


def sample_from_noise_as(
    alpha: float, prompt: str, seeds: Sequence[int], steps: int, denoiser: Denoiser
) -> np.ndarray:
    """Images sampled from pure noise by DDIM while the network is told that it holds `alpha` of an image: (N, 3, S, S).

    With alpha = 0 that is true. Otherwise it is what sampling does where the terminal SNR of the schedule is not zero, or
    where the first timestep is not the last of training ("leading" spacing): Lin et al. 2023 (arXiv 2305.08891).
    No guidance, on the schedule of training.
    """
    schedule, rng = SCHEDULES["cosine"], make_generators(seeds)
    denoise = denoiser.conditioned([prompt] * len(seeds), [None] * len(seeds), schedule)
    x = randn_per_seed(rng, denoiser.shape)
    last = final_step(ddim(denoise, x, timesteps(steps, time_of_alpha(alpha, schedule)), schedule))
    return denoiser.decode(last.x).numpy()


def brightness_change(before: Sequence[float], after: Sequence[float]) -> str:
    """Which of BRIGHTNESS_CHANGES happened to the mean brightness of every image; up to 0.05 counts as none.

    `before` and `after` are means over the values of each image, in [-1, 1], in the same order.
    """
    none, darker, grey, other = BRIGHTNESS_CHANGES
    changes = [b - a for a, b in zip(before, after, strict=True)]
    nearer = [abs(a) - abs(b) for a, b in zip(before, after, strict=True)]
    if max(map(abs, changes)) < 0.05:
        return none
    if min(nearer) > 0.05:
        return grey
    return darker if max(changes) < -0.05 else other


@dataclasses.dataclass(frozen=True)
class BrightnessLeak:
    """How far the mean of x_1 tells an all-white image (x0 = 1) from an all-black one (x0 = -1).

    `white` and `black` are means of x_1 over all of its `n` values, one for each draw of the noise: (draws,).
    """

    alpha: float
    sigma: float
    n: int
    white: np.ndarray
    black: np.ndarray

    @property
    def told_apart(self) -> float:
        """The share of the draws in which the sign of the mean is that of the image: 0.5 is chance."""
        return float(np.mean(np.concatenate([self.white > 0, self.black < 0])))


def brightness_leak(schedule: Schedule, side: int, seed: int, draws: int = 200) -> BrightnessLeak:
    """Means of x_1 = alpha(1) x0 + sigma(1) eps for an all-white and an all-black image (3, side, side).

    Each noise is drawn whole and its mean taken: nothing is assumed about the distribution of the mean.
    """
    alpha, sigma, n = float(schedule.alpha(1.0)), float(schedule.sigma(1.0)), 3 * side * side
    rng = np.random.default_rng(seed)
    means = np.array([rng.standard_normal(n, dtype=np.float32).mean() for _ in range(2 * draws)])
    return BrightnessLeak(alpha, sigma, n, alpha + sigma * means[:draws], -alpha + sigma * means[draws:])


def expected_told_apart(alpha: float, sigma: float, n: int) -> float:
    """`BrightnessLeak.told_apart` in expectation: the mean of n values has standard deviation sigma / sqrt(n)."""
    return 0.5 * (1 + math.erf(alpha * math.sqrt(n) / sigma / math.sqrt(2)))
