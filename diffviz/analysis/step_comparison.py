"""Samplers and numbers of steps compared: sampling trajectories from the same noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from diffviz.analysis.reverse_trajectory import detail_rms
from diffviz.diffusion.samplers import SAMPLERS, Step, final_step, make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.text_to_image import Settings, sample_steps, sample_trajectory
from diffviz.pipelines.trajectory import Trajectory

STEP_COUNTS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 100, 250)
REFERENCE = {"sampler": "dpmpp_2m", "steps": 250}  # what others are compared with


def step_sweep(settings: Settings, counts: Sequence[int] = STEP_COUNTS) -> Iterator[Trajectory]:
    """The same prompt, seed and sampler at each number of steps, one trajectory after another."""
    for steps in counts:
        yield sample_trajectory(dataclasses.replace(settings, steps=steps))


def reference_steps(settings: Settings) -> Iterator[Step]:
    """The reference trajectory from the same noise, whose image the errors of shorter ones are measured from."""
    return sample_steps(dataclasses.replace(settings, eta=0.0, **REFERENCE))


def max_steps(sampler: str, budget: int) -> int:
    """The most steps a sampler can take within this NFE (guidance not counted)."""
    return max(n for n in range(1, budget + 1) if SAMPLERS[sampler].nfe(n) <= budget)


def nfe_at_frame(sampler: str, frame: int, steps: int) -> int:
    """NFE spent when a trajectory of `steps` yields frame number `frame`."""
    return SAMPLERS[sampler].nfe(frame + 1) if frame < steps else SAMPLERS[sampler].nfe(steps)


def race_samplers(
    settings: Settings, samplers: Sequence[str], budget: int
) -> Iterator[dict[str, list[Step]]]:
    """Run samplers in lockstep from the same noise; yields, after each network evaluation, the frames of each so far.

    The lists are the same objects each time and grow. All have ended when the iterator does.
    """
    if budget < 1:
        raise ValueError("a comparison needs at least one network evaluation")
    counts = {name: max_steps(name, budget) for name in samplers}
    runs = {
        name: sample_steps(dataclasses.replace(settings, sampler=name, steps=n, eta=0.0))
        for name, n in counts.items()
    }
    seen: dict[str, list[Step]] = {name: [] for name in samplers}
    for made in range(1, budget + 1):
        for name, run in runs.items():
            frames, n = seen[name], counts[name]
            while len(frames) <= n and nfe_at_frame(name, len(frames), n) <= made:
                frames.append(next(run))
        yield seen


def distances(
    images: np.ndarray, sampler: str, steps: int, target: np.ndarray
) -> tuple[list[int], list[float]]:
    """NFE spent and the RMSE of the newest prediction x0_hat to `target` (3, S, S), for each of its images (F, 3, S, S)."""
    made = [nfe_at_frame(sampler, i, steps) for i in range(len(images))]
    return made, rmse(images, target, PER_IMAGE).tolist()


def align_by_nfe(frames: np.ndarray, sampler: str, steps: int, budget: int) -> np.ndarray:
    """Frames (steps + 1, …) repeated so that frame j is what the sampler has after j evaluations: (budget + 1, …)."""
    made = np.array([nfe_at_frame(sampler, i, steps) for i in range(steps + 1)])
    # Before its first prediction a sampler has its noise, which is frame 0 itself.
    shown = [max(0, int(np.searchsorted(made, j, "right")) - 1) for j in range(budget + 1)]
    shown[-1] = steps
    return frames[shown]


def difference_image(image: np.ndarray, reference: np.ndarray, gain: float = 8.0) -> np.ndarray:
    """(…, C, H, W): `gain` times the difference of an image to the reference, 0 where they are equal, within [-1, 1]."""
    return np.clip(gain * (image - reference), -1, 1)


@dataclasses.dataclass(frozen=True)
class PathPlane:
    """Paths (F, 2) in the plane of the first two principal directions of all their points."""

    paths: dict[str, np.ndarray]
    shares: tuple[float, float]  # of the variance of all points, along each direction


def principal_plane(paths: Mapping[str, np.ndarray]) -> PathPlane:
    """Project paths, each (F, …), onto the plane that keeps most of their points' variance (PCA of all points pooled).

    Distances in the plane are at most those in the full space. PCA leaves the sign of each direction open: here the
    first path ends at the right of where it begins, and its middle lies above the mean of its ends. Raises ValueError
    for fewer than three points, points that are all the same, or points of one value each.
    """
    flat = {name: np.asarray(path, np.float64).reshape(len(path), -1) for name, path in paths.items()}
    points = np.concatenate(list(flat.values()))
    mean = points.mean(0)
    if len(points) < 3 or points.shape[1] < 2 or np.allclose(points, mean):
        raise ValueError(
            "a plane needs three points or more, of two values or more, that are not all the same"
        )
    _, singular, directions = np.linalg.svd(points - mean, full_matrices=False)
    variances = singular**2 / (singular**2).sum()
    first = (next(iter(flat.values())) - mean) @ directions[:2].T
    signs = np.where(
        [first[-1, 0] < first[0, 0], first[len(first) // 2, 1] < (first[0, 1] + first[-1, 1]) / 2], -1, 1
    )
    plane = {name: (path - mean) @ directions[:2].T * signs for name, path in flat.items()}
    return PathPlane(plane, (float(variances[0]), float(variances[1])))


@dataclasses.dataclass(frozen=True)
class OnePass:
    """A single prediction x0_hat at pure noise: from one seed, and the mean over many, as states (C, H, W)."""

    one: np.ndarray
    mean: np.ndarray
    spread: float  # RMSE between the predictions from different seeds and their mean; in latents, of those


def one_pass(settings: Settings, denoiser: Denoiser, seeds: Sequence[int]) -> OnePass:
    """Evaluate the network once, at t = 1, from each of the seeds; the first is the one shown alone. No guidance."""
    schedule, n = SCHEDULES[settings.schedule], len(seeds)
    denoise = denoiser.conditioned([settings.prompt] * n, [settings.style or None] * n, schedule)
    x0 = denoise(
        randn_per_seed(make_generators(seeds), denoiser.shape), torch.ones(n, dtype=torch.float64)
    ).numpy()
    mean = x0.mean(0)
    return OnePass(x0[0], mean, float(rmse(x0, mean)))


@dataclasses.dataclass(frozen=True)
class OneStepOrMany:
    """A single evaluation beside longer trajectories from the same noise, none of them guided."""

    one: OnePass
    images: tuple[np.ndarray, ...]  # one evaluation, its mean over seeds, 12 steps, 50 steps; (3, S, S) each

    @property
    def detail(self) -> list[float]:
        """RMS of the fine detail of each image."""
        return detail_rms(np.stack(self.images)).tolist()

    @property
    def detail_share(self) -> float:
        """Fine detail of the single evaluation as a share of that of the longest trajectory."""
        return self.detail[0] / self.detail[-1]


def one_step_or_many(settings: Settings, denoiser: Denoiser, seeds: Sequence[int]) -> OneStepOrMany:
    """Compare like with like: one evaluation, 12 and 50 steps from the first seed. Raises ValueError where guided."""
    if settings.guided:
        raise ValueError(
            "guidance would change the long trajectories and not the single evaluation: leave it at 1"
        )
    once = one_pass(settings, denoiser, seeds)
    longer = (
        final_step(sample_steps(dataclasses.replace(settings, steps=n, seed=seeds[0]), denoiser)).x[0].numpy()
        for n in (12, 50)
    )
    return OneStepOrMany(once, tuple(denoiser.decode_states(np.stack([once.one, once.mean, *longer]))))


def rank_by_distance(finals: dict[str, np.ndarray], target: np.ndarray) -> list[tuple[str, float]]:
    """Samplers with the RMSE of their final image to `target`, nearest first."""
    return sorted(((name, float(rmse(x, target))) for name, x in finals.items()), key=lambda pair: pair[1])
