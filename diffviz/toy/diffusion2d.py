"""Diffusion on points in the plane: the process and samplers of the image models, and a network that trains in seconds."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from diffviz import pacing
from diffviz.diffusion.process import add_noise, append_dims, v_from_x0_eps, x0_from_eps, x0_from_u, x0_from_v
from diffviz.diffusion.samplers import ddim, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES

DATA_LIMIT = 2.2  # coordinates shown, and the bound that x0_hat is clipped to
MAX_T_EPS = 0.99  # where sampling by eps_hat begins: at t = 1 alpha is 0, and x0 does not follow from eps
SAMPLING_STEPS, POINTS, BATCH, RATE = 25, 400, 256, 2e-3


def _ring(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    a = 2 * math.pi * u
    return 1.4 * np.stack([np.cos(a), np.sin(a)], 1)


def _spiral(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    a = 1.5 * math.pi * (1 + 2 * u)
    return np.stack([np.cos(a), np.sin(a)], 1) * (a / 8.5)[:, None]


MOON = np.array([0.5, 0.2])  # offset of each moon, away from the other


def _moons(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    a, upper = math.pi * u, rng.random(len(u)) < 0.5
    arc = np.stack([np.cos(a), np.sin(a)], 1)
    return np.where(upper[:, None], arc - MOON, MOON - arc) * 1.2


def _spots(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    corner = rng.integers(0, 2, (len(u), 2)) * 2 - 1
    return corner + 0.12 * rng.standard_normal((len(u), 2))


def _on_circle(k: np.ndarray) -> np.ndarray:
    a = 2 * math.pi * k / 8
    return 1.4 * np.stack([np.cos(a), np.sin(a)], 1)


def _eight(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _on_circle(rng.integers(0, 8, len(u)))


# The position u along a shape is uniform in [0, 1); `points` adds Gaussian noise to all but "eight points".
SHAPES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "spiral": _spiral,
    "ring": _ring,
    "two moons": _moons,
    "four spots": _spots,
    "eight points": _eight,
}
# The centres (M, 2) of shapes that consist of separate modes.
MODES = {
    "four spots": np.array([(x, y) for x in (-1.0, 1.0) for y in (-1.0, 1.0)]),
    "eight points": _on_circle(np.arange(8)),
}
MODE_RADIUS = 0.4  # samples within it belong to a mode: about three standard deviations of "four spots"
MIN_MODE_SHARE = 0.25  # of a mode's share in the data: with fewer samples it counts as not covered


def points(shape: str, n: int, seed: int) -> np.ndarray:
    """n points of a shape: (n, 2) float32."""
    rng = np.random.default_rng(seed)
    found = SHAPES[shape](rng.random(n), rng)
    if shape != "eight points":
        found = found + 0.04 * rng.standard_normal(found.shape)
    return found.astype(np.float32)


class PointNet(nn.Module):
    """An MLP of three hidden layers: points (B, 2) and noise levels as angles (B,) in, (B, outputs) out."""

    waves: Tensor  # (3,) frequencies

    def __init__(self, outputs: int = 2, width: int = 128) -> None:
        super().__init__()
        sizes = [14 + 12, width, width, width]
        layers = [m for i, o in pairwise(sizes) for m in (nn.Linear(i, o), nn.SiLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(width, outputs))
        self.register_buffer("waves", torch.tensor([1.0, 2.0, 4.0]))

    def forward(self, x: Tensor, angle: Tensor) -> Tensor:
        waves = (x[:, :, None] * self.waves).flatten(1)  # (B, 6)
        levels = angle[:, None] * torch.arange(1, 7)
        return self.layers(
            torch.cat([x, waves.sin(), waves.cos(), (2 * levels).sin(), (2 * levels).cos()], 1)
        )


class GenerativeModel(Protocol):
    """A model that is trained on points, and samples new ones from the same distribution."""

    nfe: int  # network function evaluations of one sample

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        """One training step on points x0 (B, 2), at `rate` times the full learning rate; returns its loss."""
        ...

    def sample(self, noise: Tensor) -> Tensor:
        """Samples (N, 2) from standard normal noise (N, 2)."""
        ...


class Adam:
    """Adam over the parameters of several networks, with a learning rate that is given at each step.

    Kingma & Ba 2015 (arXiv 1412.6980, algorithm 1), operation by operation as torch.optim.Adam, whose numbers it has to
    the bit: torch's optimizers import its compiler on first use, which kept a server's first visitor waiting for seconds.
    """

    EPSILON = 1e-8

    def __init__(self, *nets: nn.Module, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self._params = [p for net in nets for p in net.parameters()]
        self._moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self._params]
        self._betas, self._steps = betas, 0

    def step(self, loss: Tensor, rate: float) -> float:
        """One step on this loss at `rate` times RATE; returns the loss as a number."""
        for p in self._params:
            p.grad = None
        loss.backward()
        self._steps += 1
        (beta1, beta2), n = self._betas, self._steps
        size, root = RATE * rate / (1 - beta1**n), (1 - beta2**n) ** 0.5
        with torch.no_grad():
            for p, (mean, square) in zip(self._params, self._moments, strict=True):
                if p.grad is None:
                    continue
                mean.lerp_(p.grad, 1 - beta1)
                square.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                p.addcdiv_(mean, (square.sqrt() / root).add_(self.EPSILON), value=-size)
        return float(loss.detach())


# x0 from x_t and the network's output, for each of the targets it may be trained on.
TO_X0 = {"eps": x0_from_eps, "x0": lambda x, output, alpha, sigma: output, "v": x0_from_v, "u": x0_from_u}


class Diffusion:
    """A network that predicts `target` from a noisy point, and DDIM to sample with it.

    The loss is the mean squared error of `target`, one of TO_X0, at stratified uniform times (Ho et al. 2020, arXiv
    2006.11239, algorithm 1). With target "u" on the schedule "flow" this is flow matching on straight paths (Lipman et
    al. 2023, arXiv 2210.02747, eq. 23; Liu et al. 2023, arXiv 2209.03003), and DDIM is Euler's method along u.
    """

    nfe = SAMPLING_STEPS

    def __init__(self, target: str, schedule: str = "cosine") -> None:
        self.net, self.target, self.schedule = PointNet(), target, SCHEDULES[schedule]
        self._adam = Adam(self.net)

    def step(self, x0: Tensor, rng: torch.Generator, rate: float) -> float:
        return self.denoising_step(x0, torch.randn(x0.shape, generator=rng), rng, rate)

    def denoising_step(self, x0: Tensor, eps: Tensor, rng: torch.Generator, rate: float) -> float:
        """One training step on points and their noise, (B, 2) each, at random times; returns its loss."""
        n = len(x0)
        t = ((torch.arange(n) + torch.rand(n, generator=rng)) / n).double()
        alpha, sigma = self._levels(t, x0)
        target = {"x0": x0, "eps": eps, "v": v_from_x0_eps(x0, eps, alpha, sigma), "u": eps - x0}[self.target]
        output = self.net(add_noise(x0, eps, t, self.schedule), self.schedule.angle(t).float())
        return self._adam.step((output - target).pow(2).mean(), rate)

    def sample(self, noise: Tensor) -> Tensor:
        return self.path(noise, self.nfe)[-1]

    def path(self, noise: Tensor, steps: int) -> Tensor:
        """Every state of a sampling trajectory of so many steps, one evaluation each: (steps + 1, N, 2)."""
        start = MAX_T_EPS if self.target == "eps" else 1.0
        run = ddim(self.denoise, noise, timesteps(steps, start), self.schedule)
        return torch.stack([step.x for step in run])

    @torch.inference_mode()
    def denoise(self, x: Tensor, t: Tensor) -> Tensor:
        """x0_hat (N, 2) of x (N, 2) at times t (N,), clipped to the limit of the data."""
        output = self.net(x, self.schedule.angle(t).float())
        return TO_X0[self.target](x, output, *self._levels(t, x)).clamp(-DATA_LIMIT, DATA_LIMIT)

    def _levels(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        return append_dims(self.schedule.alpha(t), like), append_dims(self.schedule.sigma(t), like)


@dataclass(frozen=True)
class Snapshot:
    """A model after `step` training steps: its mean loss since the last one, and its samples (N, 2)."""

    step: int
    loss: float
    samples: np.ndarray


_SEEDING = threading.Lock()  # torch's global generator is shared by all threads


def init_model(kind: Callable[[], GenerativeModel], seed: int) -> GenerativeModel:
    """A model of this kind, untrained, with weights that follow from the seed; the global random state is restored."""
    with _SEEDING, torch.random.fork_rng():
        torch.manual_seed(seed)  # torch initializes layers from its global generator only
        return kind()


def initial_noise(seed: int, n: int = POINTS) -> Tensor:
    """Standard normal noise (n, 2), the start of every sample."""
    return randn_per_seed(make_generators([seed]), (n, 2))[0]


def train(
    model: GenerativeModel, data: np.ndarray, steps: int, seed: int, at: Sequence[int]
) -> Iterator[Snapshot]:
    """Train on points (N, 2) and yield samples, from the same noise, after each of the steps `at`.

    Each step uses a batch of BATCH points; the learning rate falls linearly to 0.
    """
    rng = torch.Generator().manual_seed(seed)
    noise, x0s, losses = initial_noise(seed), torch.from_numpy(data), []
    for step in range(steps + 1):
        if step in at:
            samples = model.sample(noise).numpy()
            yield Snapshot(step, float(np.mean(losses)) if losses else math.nan, samples)
            losses = []
        if step == steps:
            return
        x0 = x0s[torch.randint(len(x0s), (BATCH,), generator=rng)]
        with pacing.piece():
            losses.append(model.step(x0, rng, 1 - step / steps))


def mean_nn_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance of the points a (N, 2) to their nearest neighbours in b (M, 2)."""
    return float(np.linalg.norm(a[:, None] - b[None], axis=-1).min(1).mean())


def max_nn_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The larger of the mean distances from a to b and from b to a: both missing and misplaced points count."""
    return max(mean_nn_distance(a, b), mean_nn_distance(b, a))


def modes_covered(points: np.ndarray, shape: str) -> tuple[int, int] | None:
    """How many modes of a shape the points (N, 2) cover, and how many it has; None for a shape without separate modes.

    A mode is covered if at least MIN_MODE_SHARE of its share of the points, N over the number of modes, lie within
    MODE_RADIUS of its centre.
    """
    if shape not in MODES:
        return None
    centres = MODES[shape]
    near = np.linalg.norm(points[:, None] - centres[None], axis=-1) < MODE_RADIUS  # (N, M)
    enough = near.sum(0) >= MIN_MODE_SHARE * len(points) / len(centres)
    return int(enough.sum()), len(centres)


def paths(path: np.ndarray, n: int) -> np.ndarray:
    """The paths of the first n points of `path` (steps + 1, N, 2), interpolated densely for drawing: (M, 2)."""
    between = np.linspace(0, 1, 1 + 240 // max(len(path) - 1, 1))[:, None, None, None]
    return (path[:-1, :n] + between * np.diff(path[:, :n], axis=0)).reshape(-1, 2)


class Dots(NamedTuple):
    """Points (N, 2) to be drawn as squares of `wide` pixels in `colour`."""

    points: np.ndarray
    colour: tuple[int, int, int]
    wide: int = 3


def scatter_image(*layers: Dots, size: int) -> np.ndarray:
    """A scatter plot on white, later layers on top: (size, size, 3) uint8. Points beyond DATA_LIMIT are left out."""
    sheet = np.full((size, size, 3), 255, np.uint8)
    for points, colour, wide in layers:
        place = ((points + DATA_LIMIT) / (2 * DATA_LIMIT) * (size - wide)).round().astype(int)
        column, row = place[((place >= 0) & (place <= size - wide)).all(1)].T
        for dx in range(wide):
            for dy in range(wide):
                sheet[size - 1 - row - dy, column + dx] = colour
    return sheet
