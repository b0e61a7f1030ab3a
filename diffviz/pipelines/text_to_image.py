"""Text-to-image API: prompt and seed in, sampling trajectory out.

import diffviz
run = diffviz.generate("cat face", style="noto", seed=0, steps=30)
run.image.show()
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from diffviz.diffusion.guidance import batched_cfg, limited_interval
from diffviz.diffusion.process import Denoise
from diffviz.diffusion.samplers import (
    SAMPLERS,
    SPACINGS,
    Step,
    final_step,
    make_generators,
    randn_per_seed,
)
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.trajectory import Trajectory, record

MAX_STEPS = 1000
FULL_INTERVAL = (0.0, 1.0)  # the whole of t


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides a picture; equal settings give equal pictures.

    `style` and `sampler` are names, an empty style lets the network choose; `guidance` 1 is off; `eta` is
    DDIM's. `negative` takes the place of "no words" in guidance, which acts at times within `interval`, its lower end
    left out. Raises ValueError, in a sentence that names the field and the choices, for a value that cannot be used.
    """

    prompt: str = ""
    style: str = ""
    seed: int = 0
    steps: int = 30
    sampler: str = "ddim"
    guidance: float = 3.0
    negative: str = ""
    interval: tuple[float, float] = FULL_INTERVAL
    schedule: str = "cosine"
    eta: float = 0.0
    spacing: str = "trailing"
    model: str = checkpoints.DEFAULT

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps must be from 1 to {MAX_STEPS}, not {self.steps}")
        if self.sampler not in SAMPLERS:
            raise ValueError(f"unknown sampler {self.sampler!r}: choose one of {', '.join(SAMPLERS)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")
        if self.spacing not in SPACINGS:
            raise ValueError(f"unknown spacing {self.spacing!r}: choose one of {', '.join(SPACINGS)}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"the seed must be a whole number from 0 up, not {self.seed}")
        if not -20 <= self.guidance <= 50:
            raise ValueError(f"guidance must be from -20 to 50, not {self.guidance}")
        if not 0 <= self.interval[0] <= self.interval[1] <= 1:
            raise ValueError(f"interval must rise within 0 to 1, not {self.interval}")
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must be from 0 to 1, not {self.eta}")

    @property
    def guided(self) -> bool:
        """Whether guidance has anything to push against: words, a style, or words to avoid."""
        return self.guidance != 1.0 and bool(self.prompt or self.style or self.negative)

    @property
    def frames(self) -> int:
        """Moments of the run before the finished picture, one for each state that the network is asked about."""
        return self.steps

    @property
    def nfe(self) -> int:
        """Network function evaluations of the whole trajectory: guidance doubles each, where it acts."""
        times = SAMPLERS[self.sampler].eval_times(self.timesteps)
        low, high = self.interval
        return len(times) + (sum(low < t <= high for t in times) if self.guided else 0)

    @property
    def timesteps(self) -> list[float]:
        """The times of the states, from noise to image."""
        return SPACINGS[self.spacing](self.steps, SCHEDULES[self.schedule])


def build_denoiser(settings: Settings, denoiser: Denoiser, n: int = 1) -> Denoise:
    """The denoiser of `n` images with prompt, style and guidance applied.

    A prompt that is empty or has no known word is unconditional.
    """
    schedule = SCHEDULES[settings.schedule]
    words, style = [settings.prompt] * n, [settings.style or None] * n
    if not settings.guided:
        return denoiser.conditioned(words, style, schedule)
    both = denoiser.conditioned([*words, *[settings.negative] * n], [*style, *[None] * n], schedule)
    guided = batched_cfg(both, settings.guidance)
    if settings.interval == FULL_INTERVAL:
        return guided
    return limited_interval(guided, denoiser.conditioned(words, style, schedule), *settings.interval)


def sample(
    settings: Settings, denoise: Denoise, x: Tensor, ts: Sequence[float], rng: Sequence[torch.Generator]
) -> Iterator[Step]:
    """The steps of the chosen sampler from the state x (B, C, H, W) at ts[0] down to ts[-1]."""
    sampler = SAMPLERS[settings.sampler]
    options = {name: getattr(settings, name) for name in sampler.options}
    return sampler(denoise, x, ts, SCHEDULES[settings.schedule], rng=rng, **options)


def sample_steps(
    settings: Settings, denoiser: Denoiser | None = None, seeds: Sequence[int] | None = None
) -> Iterator[Step]:
    """The steps of a sampling trajectory as they are computed; several `seeds` are one batch."""
    denoiser = denoiser or checkpoints.load(settings.model)
    rng = make_generators([settings.seed] if seeds is None else seeds)
    return sample(
        settings,
        build_denoiser(settings, denoiser, len(rng)),
        randn_per_seed(rng, denoiser.shape),
        settings.timesteps,
        rng,
    )


def sample_images(settings: Settings, seeds: Sequence[int]) -> Tensor:
    """The samples of several seeds, in one batch: (N, C, H, W)."""
    return final_step(sample_steps(settings, seeds=seeds)).x


def sample_trajectory(settings: Settings, denoiser: Denoiser | None = None) -> Trajectory:
    """The whole sampling trajectory."""
    steps = sample_steps(settings, denoiser)
    return record(steps, SCHEDULES[settings.schedule], dataclasses.asdict(settings))[0]


def generate(prompt: str = "", **settings: object) -> Trajectory:
    """One image with its sampling trajectory; the fields of `Settings` are the keyword arguments.

    >>> generate("cat face", style="noto", seed=0, steps=30).image      # doctest: +SKIP
    """
    return sample_trajectory(Settings(prompt=prompt, **settings))
