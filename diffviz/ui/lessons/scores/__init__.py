"""Parts of the page on scores: each module is one of them. Distributions that several of them use are here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from diffviz.diffusion.schedules import SCHEDULES
from diffviz.toy import diffusion2d
from diffviz.toy.scores import Diffused, Mixture
from diffviz.ui.cache import has, memo_for_all
from diffviz.ui.components import player
from diffviz.ui.stage import Stage

T = TypeVar("T")
PARTS = {
    "field": "Score and density",
    "samplers": "Three samplers",
    "own": "Your own points",
    "ddpm": "DDPM in one dimension",
    "flow": "Flow matching",
    "guidance": "Guidance",
}
LINEAR = SCHEDULES["linear"]


def _circle(n: int, radius: float) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def _spiral(n: int) -> np.ndarray:
    angle = 1.5 * np.pi * (1 + 2 * np.linspace(0.05, 1, n))
    return np.stack([np.cos(angle), np.sin(angle)], 1) * (angle / 8.5)[:, None]


# name -> (means, standard deviation of a component, weights or None for equal ones)
_MIXTURES: dict[str, tuple[np.ndarray, float, Sequence[float] | None]] = {
    "three clusters": (np.array([[-1.3, -0.5], [1.1, 1.0], [0.9, -1.2]]), 0.22, (0.5, 0.3, 0.2)),
    "narrow clusters": (np.array([[-1.3, -0.5], [1.1, 1.0], [0.9, -1.2]]), 0.05, (0.5, 0.3, 0.2)),
    "ring of eight": (_circle(8, 1.5), 0.14, None),
    "spiral": (_spiral(28), 0.1, None),
}
MIXTURES = tuple(_MIXTURES)


def mixture(name: str) -> Mixture:
    """One of MIXTURES."""
    means, std, weights = _MIXTURES[name]
    shares = np.full(len(means), 1 / len(means)) if weights is None else np.array(weights)
    return Mixture(
        torch.from_numpy(shares), torch.from_numpy(means), torch.full((len(means),), std**2).double()
    )


def diffused(name: str, schedule: str = "linear") -> Diffused:
    """One of MIXTURES under the noise of a schedule."""
    return Diffused(mixture(name), SCHEDULES[schedule])


def noise(seed: int, n: int) -> Tensor:
    """Standard normal noise (n, 2) in float64: the start of every sampler here."""
    return diffusion2d.initial_noise(seed, n).double()


def memo_on_stage(
    stage: Stage,
    key: str,
    settings: object,
    make: Callable[[], T],
    first: Callable[[], Sequence[player.Panel]],
) -> T:
    """As `cache.memo_for_all`; while the first value is made, the stage shows the panels of `first`, which take no time.

    Later on the frames of before stay where they are until the new ones come.
    """
    place = stage.picture.empty()  # always there: what stands below it must not move in the page's tree

    def shown() -> T:
        if not has(key):
            place.html(player.still(first(), "Computing the frames …"))
        return make()

    found = memo_for_all(key, settings, shown)
    place.empty()
    return found


def tensor(points: np.ndarray) -> Tensor:
    """Points (N, 2) as float64."""
    return torch.tensor(points, dtype=torch.float64)
