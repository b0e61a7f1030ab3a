"""Noise schedules: how much of the image and how much noise is in x_t.

Every schedule is held in one form, for t from 0 (data) to 1 (noise):

    x_t = alpha(t) * x0 + sigma(t) * eps

with log_snr(t) = log(alpha(t)^2 / sigma(t)^2). A schedule is a pair of closed forms in continuous t: which
timesteps are evaluated is the sampler's choice. In DDPM's symbols alpha(t) is sqrt(alpha_bar_t), and of a variance
preserving schedule sigma(t) is sqrt(1 - alpha_bar_t); DDPM's own alpha_t is 1 - beta_t.

`linear` and `karras` end at an SNR above zero (alpha(1) = 0.0066 and 0.0125), the others at zero: what that does to
sampling is shown by Lin et al. 2023 (arXiv 2305.08891).

Sources: linear beta, Ho et al. 2020 (arXiv 2006.11239) in the continuous form of Song et al. 2021 (arXiv
2011.13456, eq. 33); cosine, Nichol & Dhariwal 2021 (arXiv 2102.09672, eq. 17); sigmoid, Chen 2023 (arXiv
2301.10972, algorithm 1); flow, Lipman et al. 2023 (arXiv 2210.02747) and Liu et al. 2022 (arXiv 2209.03003);
karras, Karras et al. 2022 (arXiv 2206.00364, eq. 5), scaled to unit variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Time = float | Tensor
# Stable Diffusion 1 and 2 (arXiv 2112.10752): beta at the first and the last of 1000 steps; its square root grows evenly.
STABLE_DIFFUSION_BETA = 0.00085, 0.012


@dataclass(frozen=True)
class Schedule:
    """One schedule by its closed forms; `t` may be a float or a tensor, results are tensors of its shape.

    `variance_preserving` says whether alpha^2 + sigma^2 = 1 for every t (true of all but `flow`).
    """

    name: str
    title: str
    about: str
    _alpha: Callable[[Tensor], Tensor]
    _sigma: Callable[[Tensor], Tensor]
    variance_preserving: bool = True

    def alpha(self, t: Time) -> Tensor:
        """The scale of the image in x_t."""
        return self._alpha(_time(t))

    def sigma(self, t: Time) -> Tensor:
        """The standard deviation of the noise in x_t."""
        return self._sigma(_time(t))

    def log_snr(self, t: Time) -> Tensor:
        """log(alpha^2 / sigma^2): +inf where there is no noise, -inf where nothing of the image is left."""
        t = _time(t)
        return 2 * (torch.log(self._alpha(t)) - torch.log(self._sigma(t)))

    def inverse_log_snr(self, log_snr: float) -> float:
        """The time with this log-SNR, by bisection; 0 or 1 where the schedule does not reach it."""
        early, late = 0.0, 1.0
        for _ in range(60):
            middle = (early + late) / 2
            early, late = (middle, late) if float(self.log_snr(middle)) > log_snr else (early, middle)
        return (early + late) / 2

    def angle(self, t: Time) -> Tensor:
        """The noise level as an angle, atan2(sigma, alpha) in [0, pi/2].

        It says the same as log_snr but stays finite at both ends, and it is the same for every schedule
        with the same signal-to-noise ratio: the network is conditioned on it.
        """
        t = _time(t)
        return torch.atan2(self._sigma(t), self._alpha(t))

    def beta(self, t: Time, s: Time) -> Tensor:
        """Variance of the noise added in going from s to t > s, for an image already scaled to alpha(t).

        sigma(t)^2 - (alpha(t)/alpha(s))^2 sigma(s)^2: the beta_t of DDPM when t - s is one of its steps.
        """
        t, s = _time(t), _time(s)
        return self._sigma(t) ** 2 - (self._alpha(t) / self._alpha(s)) ** 2 * self._sigma(s) ** 2


def _time(t: Time) -> Tensor:
    # Outside [0, 1] a closed form still gives a number, and a meaningless one.
    t = torch.as_tensor(t, dtype=torch.float64) if not torch.is_tensor(t) else t
    return t.clamp(0.0, 1.0)


def _vp_sigma(alpha: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda t: (1 - alpha(t) ** 2).clamp_min(0).sqrt()


# --- linear beta: beta grows evenly from 0.1/T to 20/T, as in DDPM's 1e-4 … 0.02 over T = 1000 steps -------
BETA_MIN, BETA_MAX = 0.1, 20.0


def _linear_log_alpha(t: Tensor) -> Tensor:
    return -0.25 * t**2 * (BETA_MAX - BETA_MIN) - 0.5 * t * BETA_MIN


def _linear_alpha(t: Tensor) -> Tensor:
    return torch.exp(_linear_log_alpha(t))


def _linear_sigma(t: Tensor) -> Tensor:
    return torch.sqrt(-torch.expm1(2 * _linear_log_alpha(t)))  # expm1: exact for the smallest t


# --- cosine: the angle grows evenly; the offset s keeps beta_t from being too small near t = 0 ------------
COSINE_S = 0.008


def _cosine_angle(t: Tensor) -> Tensor:
    return (t + COSINE_S) / (1 + COSINE_S) * (math.pi / 2)


def _cosine_alpha(t: Tensor) -> Tensor:
    start = math.cos(COSINE_S / (1 + COSINE_S) * math.pi / 2)
    # cos(pi/2) is 6e-17 in floating point; the SNR at t = 1 is zero.
    return torch.where(t >= 1, torch.zeros_like(t), torch.cos(_cosine_angle(t)) / start).clamp(0, 1)


# --- sigmoid: alpha^2 falls along a section of the logistic curve ------------------------------------------
SIGMOID_START, SIGMOID_END = -3.0, 3.0


def _sigmoid_alpha(t: Tensor) -> Tensor:
    start, end = (torch.sigmoid(torch.as_tensor(v, dtype=t.dtype)) for v in (SIGMOID_START, SIGMOID_END))
    here = torch.sigmoid(t * (SIGMOID_END - SIGMOID_START) + SIGMOID_START)
    return ((end - here) / (end - start)).clamp(0, 1).sqrt()


# --- karras: (sigma/alpha)^(1/rho) grows evenly, so that even steps in t lie closer together at low noise ---
SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0


def karras_ratio(t: Tensor) -> Tensor:
    """The noise-to-signal ratio sigma/alpha of the karras schedule: the sigma of EDM, before scaling to unit variance."""
    low, high = SIGMA_MIN ** (1 / RHO), SIGMA_MAX ** (1 / RHO)
    return (low + t * (high - low)) ** RHO


def _karras_alpha(t: Tensor) -> Tensor:
    return torch.rsqrt(1 + karras_ratio(t) ** 2)


def _karras_sigma(t: Tensor) -> Tensor:
    ratio = karras_ratio(t)
    return ratio * torch.rsqrt(1 + ratio**2)


SCHEDULES: dict[str, Schedule] = {
    s.name: s
    for s in (
        Schedule(
            "cosine",
            "Cosine",
            "ᾱ changes slowly near both ends, and the angle arctan(σ/α) grows almost evenly",
            _cosine_alpha,
            _vp_sigma(_cosine_alpha),
        ),
        Schedule(
            "linear",
            "Linear β",
            "DDPM's: β grows evenly; ᾱ is down to 8 % half way, and a little of the image is left at t = 1",
            _linear_alpha,
            _linear_sigma,
        ),
        Schedule(
            "sigmoid",
            "Sigmoid",
            "ᾱ follows a section of the logistic curve: here steeper than cosine at both ends and half way",
            _sigmoid_alpha,
            _vp_sigma(_sigmoid_alpha),
        ),
        Schedule(
            "flow",
            "Flow (straight line)",
            "α = 1 − t and σ = t: a straight line from the image to the noise; the variance is not preserved",
            lambda t: 1 - t,
            lambda t: t,
            variance_preserving=False,
        ),
        Schedule(
            "karras",
            "Karras (EDM)",
            "EDM's: the seventh root of σ/α grows evenly, from σ/α = 0.002 to 80",
            _karras_alpha,
            _karras_sigma,
        ),
    )
}
