"""Samplers and numbers of steps compared: sampling trajectories from the same noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from diffviz.diffusion.samplers import SAMPLERS, Step, make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import rmse
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.text_to_image import Settings, sample_steps, sample_trajectory
from diffviz.pipelines.trajectory import Trajectory

STEP_COUNTS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 100, 250)
REFERENCE = {"sampler": "dpmpp_2m", "steps": 250}  # what others are compared with


def step_sweep(settings: Settings, counts: Sequence[int] = STEP_COUNTS) -> Iterator[Trajectory]:
    """The same prompt, seed and sampler at each number of steps, one run after another."""
    for steps in counts:
        yield sample_trajectory(dataclasses.replace(settings, steps=steps))


def reference_steps(settings: Settings) -> Iterator[Step]:
    """The long run from the same noise; its last step is what shorter runs try to reach."""
    return sample_steps(dataclasses.replace(settings, **REFERENCE))


def max_steps(sampler: str, budget: int) -> int:
    """The most steps a sampler can take within this many network calls (guidance not counted)."""
    return max(n for n in range(1, budget + 1) if SAMPLERS[sampler].nfe(n) <= budget)


def nfe_at_frame(sampler: str, frame: int, steps: int) -> int:
    """Network calls made when a run of `steps` yields frame number `frame`."""
    return SAMPLERS[sampler].nfe(frame + 1) if frame < steps else SAMPLERS[sampler].nfe(steps)


def race_samplers(
    settings: Settings, samplers: Sequence[str], budget: int
) -> Iterator[dict[str, list[Step]]]:
    """Run samplers in lockstep from the same noise; yields, after each network call, the frames of each so far.

    The lists are the same objects each time and grow. All have ended when the iterator does.
    """
    if budget < 1:
        raise ValueError("a race needs at least one network call")
    counts = {name: max_steps(name, budget) for name in samplers}
    runs = {
        name: sample_steps(dataclasses.replace(settings, sampler=name, steps=n)) for name, n in counts.items()
    }
    seen: dict[str, list[Step]] = {name: [] for name in samplers}
    for made in range(1, budget + 1):
        for name, run in runs.items():
            frames, n = seen[name], counts[name]
            while len(frames) <= n and nfe_at_frame(name, len(frames), n) <= made:
                frames.append(next(run))
        yield seen


def distances(
    frames: Sequence[Step], sampler: str, steps: int, target: np.ndarray
) -> tuple[list[int], list[float]]:
    """Calls made and the distance of the newest estimate x0_hat to `target` (C, H, W), for each frame."""
    made = [nfe_at_frame(sampler, step.i, steps) for step in frames]
    return made, [float(rmse(step.x0[0].numpy(), target)) for step in frames]


def align_by_nfe(frames: np.ndarray, sampler: str, steps: int, budget: int) -> np.ndarray:
    """Frames (steps + 1, …) repeated so that frame j is what the sampler has after j calls: (budget + 1, …)."""
    made = np.array([nfe_at_frame(sampler, i, steps) for i in range(steps + 1)])
    # Before its first answer a sampler has its noise, which is frame 0 itself.
    shown = [max(0, int(np.searchsorted(made, j, "right")) - 1) for j in range(budget + 1)]
    shown[-1] = steps
    return frames[shown]


@dataclasses.dataclass(frozen=True)
class OnePass:
    """What a single question at pure noise gives: from one seed, and on average over many (C, H, W)."""

    one: np.ndarray
    mean: np.ndarray
    spread: float  # RMS difference between the answers from different seeds and their mean


def one_pass(settings: Settings, denoiser: Denoiser, seeds: Sequence[int]) -> OnePass:
    """Ask once, at t = 1, from each of the seeds; the first is the one shown alone. No guidance."""
    schedule, n = SCHEDULES[settings.schedule], len(seeds)
    denoise = denoiser.conditioned([settings.prompt] * n, [settings.style or None] * n, schedule)
    x0 = denoise(
        randn_per_seed(make_generators(seeds), denoiser.shape), torch.ones(n, dtype=torch.float64)
    ).numpy()
    mean = x0.mean(0)
    return OnePass(x0[0], mean, float(rmse(x0, mean)))


def rank_by_distance(finals: dict[str, np.ndarray], target: np.ndarray) -> list[tuple[str, float]]:
    """Samplers with the distance of their final picture to `target`, nearest first."""
    return sorted(((name, float(rmse(x, target))) for name, x in finals.items()), key=lambda pair: pair[1])
