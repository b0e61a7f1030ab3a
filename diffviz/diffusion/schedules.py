"""Noise schedules: how much picture and how much noise is in x_t.

Every schedule is held in one form, for t from 0 (the picture) to 1 (noise):

    x_t = alpha(t) * x0 + sigma(t) * eps

with log_snr(t) = log(alpha(t)^2 / sigma(t)^2). A schedule is a pair of closed forms and nothing more: which
times are visited is the sampler's business, and which network is asked is the denoiser's.

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
        """The share of picture in x_t."""
        return self._alpha(_time(t))

    def sigma(self, t: Time) -> Tensor:
        """The standard deviation of the noise in x_t."""
        return self._sigma(_time(t))

    def log_snr(self, t: Time) -> Tensor:
        """log(alpha^2 / sigma^2): +inf where there is no noise, -inf where there is no picture."""
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
        with the same signal-to-noise ratio: it is what the network is told.
        """
        t = _time(t)
        return torch.atan2(self._sigma(t), self._alpha(t))

    def beta(self, t: Time, s: Time) -> Tensor:
        """Variance of the noise added in going from s to t > s, for a picture already shrunk to alpha(t).

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


# --- cosine: the angle grows evenly, but for a small offset that keeps the first steps from being too small
COSINE_S = 0.008


def _cosine_angle(t: Tensor) -> Tensor:
    return (t + COSINE_S) / (1 + COSINE_S) * (math.pi / 2)


def _cosine_alpha(t: Tensor) -> Tensor:
    start = math.cos(COSINE_S / (1 + COSINE_S) * math.pi / 2)
    # cos(pi/2) is 6e-17 in floating point; at t = 1 there is no picture left at all.
    return torch.where(t >= 1, torch.zeros_like(t), torch.cos(_cosine_angle(t)) / start).clamp(0, 1)


# --- sigmoid: the squared share of picture falls along a stretch of the logistic curve --------------------
SIGMOID_START, SIGMOID_END = -3.0, 3.0


def _sigmoid_alpha(t: Tensor) -> Tensor:
    start, end = (torch.sigmoid(torch.as_tensor(v, dtype=t.dtype)) for v in (SIGMOID_START, SIGMOID_END))
    here = torch.sigmoid(t * (SIGMOID_END - SIGMOID_START) + SIGMOID_START)
    return ((end - here) / (end - start)).clamp(0, 1).sqrt()


# --- karras: sigma/alpha^(1/rho) grows evenly, which spends most steps at low noise ------------------------
SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0


def karras_ratio(t: Tensor) -> Tensor:
    """The noise-to-picture ratio sigma/alpha of the karras schedule (its sigma, before unit variance)."""
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
            "the signal fades evenly from start to end",
            _cosine_alpha,
            _vp_sigma(_cosine_alpha),
        ),
        Schedule(
            "linear",
            "Linear β",
            "DDPM's own: the picture is gone well before the end",
            _linear_alpha,
            _linear_sigma,
        ),
        Schedule(
            "sigmoid",
            "Sigmoid",
            "slow at both ends, quick in the middle",
            _sigmoid_alpha,
            _vp_sigma(_sigmoid_alpha),
        ),
        Schedule(
            "flow",
            "Flow (straight line)",
            "a straight mix of picture and noise",
            lambda t: 1 - t,
            lambda t: t,
            variance_preserving=False,
        ),
        Schedule("karras", "Karras (EDM)", "most of the steps at low noise", _karras_alpha, _karras_sigma),
    )
}
