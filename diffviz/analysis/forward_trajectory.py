"""The forward process of one image, recorded frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffviz.diffusion.process import add_noise, forward_chain
from diffviz.diffusion.schedules import Schedule


@dataclass(frozen=True)
class ForwardTrajectory:
    """Frames of a forward trajectory of `total` steps; x = signal + noise at every frame.

    Arrays over frames: `step` (F,) int, `t`, `alpha`, `sigma`, `log_snr` (F,), `x`, `signal`, `noise`
    (F, C, H, W). Frame 0 is the clean image.
    """

    total: int
    step: np.ndarray
    t: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray
    log_snr: np.ndarray
    x: np.ndarray
    signal: np.ndarray

    @property
    def noise(self) -> np.ndarray:
        return self.x - self.signal


def forward_states(
    x0: np.ndarray, schedule: Schedule, total: int, seed: int, frames: int = 50
) -> Iterator[tuple[int, np.ndarray]]:
    """Take `total` steps from x0 (C, H, W) in [-1, 1]; yields (step, x) of at most `frames` + 1 states.

    Every one of the `total` steps is taken; those yielded are spread evenly and include both ends.
    """
    wanted = set(np.linspace(0, total, min(frames, total) + 1).round().astype(int).tolist())
    start, rng = torch.from_numpy(x0)[None], torch.Generator().manual_seed(seed)
    yield 0, x0
    for k, x in enumerate(forward_chain(start, _grid(total), schedule, rng), 1):
        if k in wanted:
            yield k, x[0].numpy()


def record_forward(
    x0: np.ndarray, states: Iterable[tuple[int, np.ndarray]], schedule: Schedule, total: int
) -> ForwardTrajectory:
    """Collect the states of `forward_states` into a ForwardTrajectory."""
    steps, x = zip(*states, strict=True)
    t = np.array(steps) / total
    alpha, sigma, log_snr = (
        f(torch.from_numpy(t)).numpy() for f in (schedule.alpha, schedule.sigma, schedule.log_snr)
    )
    signal = alpha[:, None, None, None].astype(np.float32) * x0[None]
    return ForwardTrajectory(total, np.array(steps), t, alpha, sigma, log_snr, np.stack(x), signal)


def _grid(total: int) -> list[float]:
    return [k / total for k in range(1, total + 1)]


@dataclass(frozen=True)
class PixelSamples:
    """Pixel values of x_t at one time, drawn from the same image in two ways: flat arrays of equal length."""

    t: float
    one_jump: np.ndarray
    step_by_step: np.ndarray


def pixel_samples(
    x0: np.ndarray, schedule: Schedule, total: int, at: Sequence[float], seed: int, copies: int = 8
) -> list[PixelSamples]:
    """Noise `copies` of x0 (C, H, W) to each time in `at`, in one step and by up to `total` steps.

    Times are rounded to the grid of the steps. The two ways draw independent noise.
    """
    batch = torch.from_numpy(x0)[None].repeat(copies, 1, 1, 1)
    jump_rng, chain_rng = (torch.Generator().manual_seed(2 * seed + k) for k in (0, 1))
    steps = sorted({max(1, round(t * total)) for t in at})
    samples = []
    for k, x in enumerate(forward_chain(batch, _grid(total)[: steps[-1]], schedule, chain_rng), 1):
        if k in steps:
            jump = add_noise(batch, _noise(batch, jump_rng), k / total, schedule)
            samples.append(PixelSamples(k / total, jump.flatten().numpy(), x.flatten().numpy()))
    return samples


def _noise(like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng)
