"""Sampling algorithms (ODE and SDE solvers) for a trained denoiser.

A sampler is a generator. It evaluates `denoise(x, t) -> x0_hat` at each of the decreasing times `ts` and yields a
`Step` for each evaluation, then a final step that holds the finished image. Recording, progress and stopping are
the caller's: take as many steps as you like. `SAMPLERS` says of each what it is and what it costs.

    for step in ddim(denoise, x, timesteps(30), schedule):
        ...
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from diffviz.diffusion.process import Denoise, eps_from_x0
from diffviz.diffusion.schedules import Schedule


@dataclass(frozen=True)
class Step:
    """One step of a sampling trajectory; tensors (B, C, H, W).

    `x` is the state at time `t`; `x0` and `eps` are the estimates x0_hat and eps_hat made there. The final step, at
    the last time, has i = number of steps and evaluates nothing: x0 is x itself, and eps the last estimate.
    """

    i: int
    t: float
    x: Tensor
    x0: Tensor
    eps: Tensor


def timesteps(steps: int, start: float = 1.0) -> list[float]:
    """`steps + 1` evenly spaced times from `start` down to 0.

    This is the "trailing" spacing of Lin et al. 2023 (arXiv 2305.08891): the first evaluation is at pure
    noise, whatever the number of steps. Raises ValueError for fewer than one step.
    """
    if steps < 1:
        raise ValueError("a run needs at least one step")
    return [start * (1 - i / steps) for i in range(steps + 1)]


# Where the other spacings put their last evaluation: at so little noise that x0_hat is the image.
LAST_TIME, LAST_LOG_SNR, FIRST_LOG_SNR = 0.001, 7.0, -10.0


def _linspace_timesteps(steps: int, schedule: Schedule) -> list[float]:
    return [1 + (LAST_TIME - 1) * i / max(steps - 1, 1) for i in range(steps)] + [0.0]


def _log_snr_timesteps(steps: int, schedule: Schedule) -> list[float]:
    low = max(FIRST_LOG_SNR, float(schedule.log_snr(1.0)))
    levels = [low + (LAST_LOG_SNR - low) * i / max(steps - 1, 1) for i in range(1, steps)]
    return [1.0, *(schedule.inverse_log_snr(v) for v in levels), 0.0]


def _karras_timesteps(steps: int, schedule: Schedule, rho: float = 7.0) -> list[float]:
    # Karras et al. 2022 (arXiv 2206.00364, eq. 5), in the ratio sigma / alpha = exp(-log_snr / 2).
    high = math.exp(-max(FIRST_LOG_SNR, float(schedule.log_snr(1.0))) / 2) ** (1 / rho)
    low = math.exp(-LAST_LOG_SNR / 2) ** (1 / rho)
    ratios = [(high + (low - high) * i / max(steps - 1, 1)) ** rho for i in range(1, steps)]
    return [1.0, *(schedule.inverse_log_snr(-2 * math.log(r)) for r in ratios), 0.0]


# How the times of the evaluations are spread; every spacing begins at pure noise and ends at the image.
SPACINGS: dict[str, Callable[[int, Schedule], list[float]]] = {
    "trailing": lambda steps, schedule: timesteps(steps),
    "uniform": _linspace_timesteps,
    "log-snr": _log_snr_timesteps,
    "karras": _karras_timesteps,
}


def final_step(steps: Iterable[Step]) -> Step:
    """The final step of a trajectory, which holds the finished images; the others are not kept."""
    return deque(steps, maxlen=1).pop()


def make_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One generator per image, so that a seed gives the same image in any batch."""
    return [torch.Generator().manual_seed(int(seed)) for seed in seeds]


def randn_per_seed(rng: Sequence[torch.Generator], shape: Sequence[int]) -> Tensor:
    """Standard normal noise (B, *shape), one image from each generator."""
    return torch.stack([torch.randn(*shape, generator=g) for g in rng])


def _alphas_sigmas(schedule: Schedule, ts: Sequence[float]) -> tuple[list[float], list[float]]:
    """alpha and sigma at every timestep of a trajectory, as plain numbers: so that the loop costs its NFE alone."""
    t = torch.tensor(ts, dtype=torch.float64)
    return [float(v) for v in schedule.alpha(t)], [float(v) for v in schedule.sigma(t)]


def ddpm(
    denoise: Denoise, x: Tensor, ts: Sequence[float], schedule: Schedule, *, rng: Sequence[torch.Generator]
) -> Iterator[Step]:
    """Ancestral sampling with the true posterior's variance (Ho et al. 2020, arXiv 2006.11239, eq. 6 and 7)."""
    alpha, sigma = _alphas_sigmas(schedule, ts)
    eps = x
    for i, (t, s) in enumerate(pairwise(ts)):
        (alpha_t, alpha_s), (sigma_t, sigma_s) = alpha[i : i + 2], sigma[i : i + 2]
        x0 = denoise(x, _time_batch(t, x))
        eps = eps_from_x0(x, x0, alpha_t, sigma_t)
        yield Step(i, t, x, x0, eps)
        if s == 0:  # the last step ends on the estimate itself: nothing is added back
            x = x0
            break
        alpha_ts = alpha_t / alpha_s  # alpha of the single step s -> t
        beta = sigma_t**2 - alpha_ts**2 * sigma_s**2  # its variance
        mean = (alpha_ts * sigma_s**2 * x + alpha_s * beta * x0) / sigma_t**2
        std = math.sqrt(max(beta, 0.0)) * sigma_s / sigma_t
        x = mean + std * randn_per_seed(rng, x.shape[1:]).to(x)
    yield Step(len(ts) - 1, ts[-1], x, x, eps)


def ddim(
    denoise: Denoise,
    x: Tensor,
    ts: Sequence[float],
    schedule: Schedule,
    *,
    eta: float = 0.0,
    rng: Sequence[torch.Generator] = (),
) -> Iterator[Step]:
    """DDIM (Song et al. 2021, arXiv 2010.02502, eq. 12 and 16), for any schedule.

    eta = 0 adds no noise on the way, so the image is a function of the initial noise alone; eta = 1 is
    `ddpm`. Raises ValueError when eta > 0 and no generators are given.
    """
    if eta > 0 and len(rng) != len(x):
        raise ValueError("eta > 0 adds noise: give one generator per image")
    alpha, sigma = _alphas_sigmas(schedule, ts)
    eps = x
    for i, (t, s) in enumerate(pairwise(ts)):
        (alpha_t, alpha_s), (sigma_t, sigma_s) = alpha[i : i + 2], sigma[i : i + 2]
        x0 = denoise(x, _time_batch(t, x))
        eps = eps_from_x0(x, x0, alpha_t, sigma_t)
        yield Step(i, t, x, x0, eps)
        if s == 0:
            x = x0
            break
        beta = sigma_t**2 - (alpha_t / alpha_s) ** 2 * sigma_s**2
        std = eta * sigma_s / sigma_t * math.sqrt(max(beta, 0.0))  # of the fresh noise
        x = alpha_s * x0 + math.sqrt(max(sigma_s**2 - std**2, 0.0)) * eps
        if eta > 0:
            x = x + std * randn_per_seed(rng, x.shape[1:]).to(x)
    yield Step(len(ts) - 1, ts[-1], x, x, eps)


def euler(
    denoise: Denoise, x: Tensor, ts: Sequence[float], schedule: Schedule, *, rng: object = ()
) -> Iterator[Step]:
    """Euler's method in the coordinates of Karras et al. 2022 (arXiv 2206.00364, eq. 1 and section 3).

    With y = x / alpha and k = sigma / alpha the path is dy/dk = (y - x0_hat) / k = eps_hat. Its steps are
    those of `ddim` with eta = 0 in other coordinates.
    """
    alpha, sigma = _alphas_sigmas(schedule, ts)
    eps = x
    for i, (t, s) in enumerate(pairwise(ts)):
        x0 = denoise(x, _time_batch(t, x))
        eps = eps_from_x0(x, x0, alpha[i], sigma[i])
        yield Step(i, t, x, x0, eps)
        x = x0 if s == 0 else alpha[i + 1] * _ode_step(x, x0, eps, eps, alpha, sigma, i)
    yield Step(len(ts) - 1, ts[-1], x, x, eps)


def heun(
    denoise: Denoise, x: Tensor, ts: Sequence[float], schedule: Schedule, *, rng: object = ()
) -> Iterator[Step]:
    """Heun's method: an Euler step, and then the same step along the mean of the slopes at both of its ends.

    Karras et al. 2022 (arXiv 2206.00364, algorithm 1). Two evaluations a step but for the last, which ends at
    sigma = 0 and takes one: 2 n - 1 in all. A step from alpha = 0 is DDIM's: its second slope counts for nothing.
    """
    alpha, sigma = _alphas_sigmas(schedule, ts)
    d = x
    for i, (t, s) in enumerate(pairwise(ts)):
        x0 = denoise(x, _time_batch(t, x))
        d = eps_from_x0(x, x0, alpha[i], sigma[i])  # the slope dy/dk at t
        yield Step(i, t, x, x0, d)
        if s == 0:
            x = x0
            break
        x_euler = alpha[i + 1] * _ode_step(x, x0, d, d, alpha, sigma, i)
        d_prime = eps_from_x0(x_euler, denoise(x_euler, _time_batch(s, x)), alpha[i + 1], sigma[i + 1])
        x = alpha[i + 1] * _ode_step(x, x0, d, (d + d_prime) / 2, alpha, sigma, i)
    yield Step(len(ts) - 1, ts[-1], x, x, d)


def _ode_step(
    x: Tensor, x0: Tensor, eps: Tensor, slope: Tensor, alpha: list[float], sigma: list[float], i: int
) -> Tensor:
    """y = x / alpha at time i + 1, from x at time i along `slope` = dy/dk with k = sigma / alpha (B, C, H, W)."""
    k_next = sigma[i + 1] / alpha[i + 1]
    if alpha[i] == 0:  # pure noise lies at k = infinity, where x = sigma eps: y = x0 + k eps is its limit
        return x0 + k_next * eps
    dk = k_next - sigma[i] / alpha[i]
    return x / alpha[i] + dk * slope


def dpmpp_2m(
    denoise: Denoise, x: Tensor, ts: Sequence[float], schedule: Schedule, *, rng: object = ()
) -> Iterator[Step]:
    """DPM-Solver++ of second order, multistep (Lu et al. 2022, arXiv 2211.01095, algorithm 2).

    Exact for the linear part of the path; x0_hat is extrapolated linearly in lambda = log(alpha/sigma)
    from this and the previous estimate, so that one evaluation a step gives second order.
    """
    alpha, sigma = _alphas_sigmas(schedule, ts)
    eps, x0_prev = x, None
    for i, (t, s) in enumerate(pairwise(ts)):
        x0 = denoise(x, _time_batch(t, x))
        eps = eps_from_x0(x, x0, alpha[i], sigma[i])
        yield Step(i, t, x, x0, eps)
        if s == 0:
            x = x0
            break
        x = _exponential_step(x, _extrapolate_x0(x0, x0_prev, alpha, sigma, i), alpha, sigma, i)
        x0_prev = x0
    yield Step(len(ts) - 1, ts[-1], x, x, eps)


def unipc(
    denoise: Denoise, x: Tensor, ts: Sequence[float], schedule: Schedule, *, rng: object = ()
) -> Iterator[Step]:
    """UniPC of second order, B(h) = e^h - 1, on x0_hat (Zhao et al. 2023, arXiv 2302.04867, algorithms 5 and 6).

    The predictor is `dpmpp_2m`'s step. The evaluation at its end then corrects the state there, before the next step
    is taken: one more order of accuracy at no further evaluation.
    """
    alpha, sigma = _alphas_sigmas(schedule, ts)
    eps, start = x, x
    x0_history: list[Tensor] = []
    for i, (t, s) in enumerate(pairwise(ts)):
        x0 = denoise(x, _time_batch(t, x))
        eps = eps_from_x0(x, x0, alpha[i], sigma[i])
        yield Step(i, t, x, x0, eps)
        if s == 0:
            x = x0
            break
        if i:
            x = _exponential_step(start, _unipc_correct(x0, x0_history, alpha, sigma, i), alpha, sigma, i - 1)
        start = x
        x = _exponential_step(
            x, _extrapolate_x0(x0, x0_history[-1] if x0_history else None, alpha, sigma, i), alpha, sigma, i
        )
        x0_history = [*x0_history[-1:], x0]
    yield Step(len(ts) - 1, ts[-1], x, x, eps)


def _exponential_step(x: Tensor, x0: Tensor, alpha: list[float], sigma: list[float], i: int) -> Tensor:
    """From time i to i + 1 with x0_hat held fixed (arXiv 2211.01095, eq. 9); e^-h stays finite at pure noise."""
    e_h = alpha[i] * sigma[i + 1] / (alpha[i + 1] * sigma[i])
    return sigma[i + 1] / sigma[i] * x + alpha[i + 1] * (1 - e_h) * x0


def _lambda(alpha: list[float], sigma: list[float], i: int) -> float:
    return math.log(alpha[i] / sigma[i]) if alpha[i] > 0 else -math.inf


def _extrapolate_x0(
    x0: Tensor, x0_prev: Tensor | None, alpha: list[float], sigma: list[float], i: int
) -> Tensor:
    """x0_hat half a step ahead, extrapolated linearly in lambda from the last two estimates."""
    here = _lambda(alpha, sigma, i)
    r = (here - _lambda(alpha, sigma, i - 1)) / (_lambda(alpha, sigma, i + 1) - here) if i else math.inf
    if x0_prev is None or math.isinf(r):  # there is no earlier estimate, or it lies infinitely far back
        return x0
    return x0 + (x0 - x0_prev) / (2 * r)


def _unipc_correct(
    x0: Tensor, x0_history: list[Tensor], alpha: list[float], sigma: list[float], i: int
) -> Tensor:
    """The x0_hat with which the step to time i should have been taken, now that the estimate there is known."""
    first = x0_history[-1]
    here = _lambda(alpha, sigma, i - 1)
    h = _lambda(alpha, sigma, i) - here
    r = (_lambda(alpha, sigma, i - 2) - here) / h if i > 1 else -math.inf
    if len(x0_history) < 2 or math.isinf(r):
        return first + (x0 - first) / 2
    # The weights that make the correction exact for a parabola in lambda: two equations (eq. 5 there).
    phi_1 = math.expm1(-h)
    phi_2 = phi_1 / -h - 1
    b_1, b_2 = phi_2 / phi_1, 2 * (phi_2 / -h - 0.5) / phi_1
    weight_new = (b_2 - r * b_1) / (1 - r)
    return first + (b_1 - weight_new) * (x0_history[0] - first) / r + weight_new * (x0 - first)


def _time_batch(t: float, x: Tensor) -> Tensor:
    # One time per image, kept in float64: a schedule's closed form decides the noise level from it.
    return torch.full((len(x),), t, dtype=torch.float64)


@dataclass(frozen=True)
class Sampler:
    """What there is to know of a sampler; call it as its function.

    `order`: of convergence in the step size. `evals_per_step`: network evaluations of a step; the last one, which ends at
    sigma = 0, takes a single one. `stochastic`: whether noise is drawn on the way. `options`: keyword arguments beside
    `rng` that it takes.
    """

    function: Callable[..., Iterator[Step]]
    title: str
    order: int = 1
    evals_per_step: int = 1
    stochastic: bool = False
    options: tuple[str, ...] = ()

    def __call__(self, *args: object, **options: object) -> Iterator[Step]:
        return self.function(*args, **options)

    def eval_times(self, ts: Sequence[float]) -> list[float]:
        """The times at which the network is evaluated on the way along `ts`, one for each evaluation."""
        if self.evals_per_step == 1:
            return list(ts[:-1])
        return [t for pair in pairwise(ts) for t in pair][:-1]  # both ends of each step, but for sigma = 0

    def nfe(self, steps: int) -> int:
        """Network function evaluations of a trajectory of so many steps, guidance not counted."""
        return len(self.eval_times(timesteps(steps)))


SAMPLERS: dict[str, Sampler] = {
    "ddim": Sampler(ddim, "DDIM", options=("eta",)),
    "ddpm": Sampler(ddpm, "DDPM", stochastic=True),
    "euler": Sampler(euler, "Euler"),
    "heun": Sampler(heun, "Heun", order=2, evals_per_step=2),
    "dpmpp_2m": Sampler(dpmpp_2m, "DPM-Solver++", order=2),
    "unipc": Sampler(unipc, "UniPC", order=3),
}
