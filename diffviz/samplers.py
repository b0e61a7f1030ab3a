"""Samplers: how a denoiser is walked from noise to a picture.

A sampler is a generator. It asks `denoise(x, t) -> x0_hat` at each time of a falling list `ts` and yields a
`Step` for each answer, then one last step that holds the finished picture. Recording, progress and stopping
are the caller's: take as many steps as you like.

    for step in ddim(denoise, x, times(30), schedule):
        ...
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diffviz.process import Denoise, eps_from_x0
from diffviz.schedules import Schedule


@dataclass(frozen=True)
class Step:
    """One moment of a run.

    `x` is the state at time `t`; `x0` and `eps` are what the network said about it. The last step, at the
    last time, has i = number of network steps and no question to ask: there x0 is x itself, and eps is the
    network's last word on the noise.
    """

    i: int
    t: float
    x: Tensor
    x0: Tensor
    eps: Tensor


def times(steps: int, start: float = 1.0) -> list[float]:
    """`steps + 1` evenly spaced times from `start` down to 0.

    This is the "trailing" spacing of Lin et al. 2023 (arXiv 2305.08891): the first question is asked at pure
    noise, whatever the number of steps. Raises ValueError for fewer than one step.
    """
    if steps < 1:
        raise ValueError("a run needs at least one step")
    return [start * (1 - i / steps) for i in range(steps + 1)]


def seeded(seeds: Sequence[int]) -> list[torch.Generator]:
    """One generator per image, so that a seed gives the same picture in any batch."""
    return [torch.Generator().manual_seed(int(seed)) for seed in seeds]


def draw(rng: Sequence[torch.Generator], shape: Sequence[int]) -> Tensor:
    """Standard normal noise (B, *shape), one image from each generator."""
    return torch.stack([torch.randn(*shape, generator=g) for g in rng])


def _levels(schedule: Schedule, ts: Sequence[float]) -> tuple[list[float], list[float]]:
    """alpha and sigma at every time of a run, as plain numbers: the loop then costs its network calls alone."""
    t = torch.tensor(ts, dtype=torch.float64)
    return schedule.alpha(t).tolist(), schedule.sigma(t).tolist()


def ddpm(
    denoise: Denoise, x: Tensor, ts: Sequence[float], schedule: Schedule, *, rng: Sequence[torch.Generator]
) -> Iterator[Step]:
    """Ancestral sampling with the true posterior's variance (Ho et al. 2020, arXiv 2006.11239, eq. 6 and 7)."""
    alpha, sigma = _levels(schedule, ts)
    eps = x
    for i, t in enumerate(ts[:-1]):
        (alpha_t, alpha_s), (sigma_t, sigma_s) = alpha[i : i + 2], sigma[i : i + 2]
        x0 = denoise(x, _ask(t, x))
        eps = eps_from_x0(x, x0, alpha_t, sigma_t)
        yield Step(i, t, x, x0, eps)
        if i == len(ts) - 2:  # the last step ends on the estimate itself: nothing is added back
            x = x0
            break
        shrink = alpha_t / alpha_s  # alpha of the single step s -> t
        beta = sigma_t**2 - shrink**2 * sigma_s**2  # its variance
        mean = (shrink * sigma_s**2 * x + alpha_s * beta * x0) / sigma_t**2
        std = math.sqrt(max(beta, 0.0)) * sigma_s / sigma_t
        x = mean + std * draw(rng, x.shape[1:]).to(x)
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

    eta = 0 adds no noise on the way, so the picture is a function of the starting noise alone; eta = 1 is
    `ddpm`. Raises ValueError when eta > 0 and no generators are given.
    """
    if eta > 0 and len(rng) != len(x):
        raise ValueError("eta > 0 adds noise: give one generator per image")
    alpha, sigma = _levels(schedule, ts)
    eps = x
    for i, t in enumerate(ts[:-1]):
        (alpha_t, alpha_s), (sigma_t, sigma_s) = alpha[i : i + 2], sigma[i : i + 2]
        x0 = denoise(x, _ask(t, x))
        eps = eps_from_x0(x, x0, alpha_t, sigma_t)
        yield Step(i, t, x, x0, eps)
        if i == len(ts) - 2:
            x = x0
            break
        beta = sigma_t**2 - (alpha_t / alpha_s) ** 2 * sigma_s**2
        fresh = eta * sigma_s / sigma_t * math.sqrt(max(beta, 0.0))  # how much of the noise is to be new
        x = alpha_s * x0 + math.sqrt(max(sigma_s**2 - fresh**2, 0.0)) * eps
        if eta > 0:
            x = x + fresh * draw(rng, x.shape[1:]).to(x)
    yield Step(len(ts) - 1, ts[-1], x, x, eps)


def _ask(t: float, x: Tensor) -> Tensor:
    # One time per image, kept in float64: a schedule's closed form decides the noise level from it.
    return torch.full((len(x),), t, dtype=torch.float64)


SAMPLERS: dict[str, Callable[..., Iterator[Step]]] = {"ddim": ddim, "ddpm": ddpm}
