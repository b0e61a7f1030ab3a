"""Diffusion on points in the plane: the same process and samplers, and a network small enough to train while one waits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from diffviz.process import (
    Denoise,
    add_noise,
    per_image,
    v_from_x0_eps,
    x0_from_eps,
    x0_from_v,
)
from diffviz.samplers import ddim, draw, seeded, times
from diffviz.schedules import SCHEDULES

SCHEDULE = SCHEDULES["cosine"]
REACH = 2.2  # points are drawn from -REACH to REACH
START = 0.99  # runs begin a little below t = 1, where eps_hat says nothing about x0
RUN_STEPS, POINTS, BATCH, RATE = 25, 400, 256, 2e-3


def _ring(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    a = 2 * math.pi * u
    return 1.4 * np.stack([np.cos(a), np.sin(a)], 1)


def _spiral(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    a = 1.5 * math.pi * (1 + 2 * u)
    return np.stack([np.cos(a), np.sin(a)], 1) * (a / 8.5)[:, None]


MOON = np.array([0.5, 0.2])  # each moon is moved by it, away from the other


def _moons(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    a, upper = math.pi * u, rng.random(len(u)) < 0.5
    arc = np.stack([np.cos(a), np.sin(a)], 1)
    return np.where(upper[:, None], arc - MOON, MOON - arc) * 1.2


def _spots(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    corner = rng.integers(0, 2, (len(u), 2)) * 2 - 1
    return corner + 0.12 * rng.standard_normal((len(u), 2))


def _eight(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    a = 2 * math.pi * rng.integers(0, 8, len(u)) / 8
    return 1.4 * np.stack([np.cos(a), np.sin(a)], 1)


# Where along each shape a point lies is drawn evenly; all but `eight` have a little width.
SHAPES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "spiral": _spiral,
    "ring": _ring,
    "two moons": _moons,
    "four spots": _spots,
    "eight points": _eight,
}


def points(shape: str, n: int, seed: int) -> np.ndarray:
    """n points of a shape: (n, 2) float32."""
    rng = np.random.default_rng(seed)
    found = SHAPES[shape](rng.random(n), rng)
    if shape != "eight points":
        found = found + 0.04 * rng.standard_normal(found.shape)
    return found.astype(np.float32)


class PointNet(nn.Module):
    """Three hidden layers: a point (B, 2) and its noise level as an angle (B,) in, one of the targets (B, 2) out."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        sizes = [14 + 12, width, width, width]
        layers = [m for i, o in pairwise(sizes) for m in (nn.Linear(i, o), nn.SiLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 2))
        self.register_buffer("waves", torch.tensor([1.0, 2.0, 4.0]))

    def forward(self, x: Tensor, angle: Tensor) -> Tensor:
        waves = (x[:, :, None] * self.waves).flatten(1)  # (B, 6)
        levels = angle[:, None] * torch.arange(1, 7)
        return self.layers(
            torch.cat([x, waves.sin(), waves.cos(), (2 * levels).sin(), (2 * levels).cos()], 1)
        )


def denoiser(net: PointNet, target: str) -> Denoise:
    """The network as denoise(x, t) -> x0_hat, whichever of "eps", "x0" and "v" it was trained to say."""

    @torch.inference_mode()
    def denoise(x: Tensor, t: Tensor) -> Tensor:
        said = net(x, SCHEDULE.angle(t).float())
        alpha, sigma = per_image(SCHEDULE.alpha(t), x), per_image(SCHEDULE.sigma(t), x)
        convert = {"x0": lambda *_: said, "eps": x0_from_eps, "v": x0_from_v}[target]
        return convert(x, said, alpha, sigma).clamp(-REACH, REACH)

    return denoise


@dataclass(frozen=True)
class Snapshot:
    """The network after `step` training steps: its mean loss since the last one, and what it draws (N, 2)."""

    step: int
    loss: float
    samples: np.ndarray


def train(data: np.ndarray, target: str, steps: int, seed: int, at: Sequence[int]) -> Iterator[Snapshot]:
    """Train a network on points (N, 2) and yield what it draws, from the same static, after each of the steps `at`.

    The loss is the mean squared error of `target`, one of "eps", "x0" and "v", at times spread evenly (Ho et al. 2020,
    arXiv 2006.11239, algorithm 1). Nothing of it is known before the first step.
    """
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch draws a layer's first weights from its own generator alone
        net = PointNet()
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    static, known, losses = draw(seeded([seed]), (POINTS, 2))[0], torch.from_numpy(data), []
    for step in range(steps + 1):
        if step in at:
            run = ddim(denoiser(net, target), static, times(RUN_STEPS, START), SCHEDULE)
            *_, last = run
            yield Snapshot(step, float(np.mean(losses)) if losses else math.nan, last.x.numpy())
            losses = []
        if step == steps:
            return
        x0 = known[torch.randint(len(known), (BATCH,), generator=rng)]
        t = ((torch.arange(BATCH) + torch.rand(BATCH, generator=rng)) / BATCH).double()
        eps = torch.randn(x0.shape, generator=rng)
        alpha, sigma = per_image(SCHEDULE.alpha(t), x0), per_image(SCHEDULE.sigma(t), x0)
        right = {"x0": x0, "eps": eps, "v": v_from_x0_eps(x0, eps, alpha, sigma)}[target]
        loss = (net(add_noise(x0, eps, t, SCHEDULE), SCHEDULE.angle(t).float()) - right).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for group in optimizer.param_groups:  # down to nothing at the end
            group["lr"] = RATE * (1 - step / steps)
        losses.append(float(loss.detach()))


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """How far the points a (N, 2) lie from the nearest of b (M, 2) on average, and those of b from a: the larger."""
    far = np.linalg.norm(a[:, None] - b[None], axis=-1)
    return float(max(far.min(1).mean(), far.min(0).mean()))


def picture(found: np.ndarray, colour: tuple[int, int, int], size: int = 96) -> np.ndarray:
    """Points (N, 2) as dots of two by two pixels on white: (size, size, 3) uint8; those out of reach are left out."""
    sheet = np.full((size, size, 3), 255, np.uint8)
    place = ((found + REACH) / (2 * REACH) * (size - 1)).round().astype(int)
    place = place[((place >= 0) & (place < size - 1)).all(1)]
    for dx in (0, 1):
        for dy in (0, 1):
            sheet[size - 1 - (place[:, 1] + dy), place[:, 0] + dx] = colour
    return sheet
