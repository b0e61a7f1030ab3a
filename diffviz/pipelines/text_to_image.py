"""Text-to-image API: prompt and seed in, sampling trajectory out.

import diffviz
run = diffviz.generate("cat face", style="noto", seed=0, steps=30)
run.image.show()
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from diffviz.diffusion.guidance import batched_cfg, in_interval, limited_interval
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


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """The value as an int. Raises ValueError, in a sentence with its name, where it is no whole number in the range."""
    try:
        found = operator.index(value)
    except TypeError:
        found = low - 1
    if not low <= found <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return found


def number(name: str, value: Any, low: float, high: float) -> float:
    """The value as a float. Raises ValueError, in a sentence with its name, where it is no number in the range, or NaN."""
    try:
        found = float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:  # a whole number of more than 308 digits
        found = math.nan
    if not low <= found <= high:
        raise ValueError(f"{name} must be a number from {low} to {high}, not {value!r}")
    return found


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides an image; equal settings give equal images.

    `style` and `sampler` are names, an empty style lets the network choose; `guidance` 1 is off; `eta` is
    DDIM's, and must be 0 for samplers that would ignore it. `negative` takes the place of "no words" in guidance,
    which acts at times within `interval`, its lower end left out. Raises ValueError, in a sentence that names the
    field and the choices, for a value that cannot be used; whether the network has the style, and there is a network
    of the name, is seen when it runs.
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
        for name in ("prompt", "negative"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be text, not {getattr(self, name)!r}")
        for name, low, high in (("steps", 1, MAX_STEPS), ("seed", 0, 2**63 - 1)):
            self._normalize(name, whole_number(name, getattr(self, name), low, high))
        for name, low, high in (("guidance", -20, 50), ("eta", 0, 1)):
            self._normalize(name, number(name, getattr(self, name), low, high))
        for name, choices in (("sampler", SAMPLERS), ("schedule", SCHEDULES), ("spacing", SPACINGS)):
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in choices:
                raise ValueError(
                    f"unknown {name} {getattr(self, name)!r}: choose one of {', '.join(choices)}"
                )
        try:
            low, high = self.interval
        except (TypeError, ValueError):
            raise ValueError(f"interval must be two numbers from 0 to 1, not {self.interval!r}") from None
        low, high = number("interval", low, 0, 1), number("interval", high, 0, 1)
        if low > high:
            raise ValueError(f"interval must rise within 0 to 1, not {self.interval}")
        self._normalize("interval", (low, high))
        if self.eta and "eta" not in SAMPLERS[self.sampler].options:
            takers = ", ".join(name for name, sampler in SAMPLERS.items() if "eta" in sampler.options)
            raise ValueError(
                f"eta is an option of {takers}, and {self.sampler} would ignore it: leave it at 0"
            )

    def _normalize(self, name: str, value: object) -> None:
        """Hold a plain Python number where one of NumPy's was given: equal settings are then equal when written too."""
        object.__setattr__(self, name, value)

    @property
    def guided(self) -> bool:
        """Whether guidance has an effect: it needs a prompt, a style or a negative prompt."""
        return self.guidance != 1.0 and bool(self.prompt or self.style or self.negative)

    @property
    def frames(self) -> int:
        """Moments of the trajectory before the finished image, one for each state at which the network is evaluated."""
        return len(self.timesteps) - 1

    @property
    def nfe(self) -> int:
        """Network function evaluations of the whole trajectory: guidance doubles each, where it acts."""
        times = SAMPLERS[self.sampler].eval_times(self.timesteps)
        low, high = self.interval
        return len(times) + (sum(in_interval(t, low, high) for t in times) if self.guided else 0)

    @property
    def timesteps(self) -> list[float]:
        """The times of the states, from noise to image."""
        return SPACINGS[self.spacing](self.steps, SCHEDULES[self.schedule])


def build_denoiser(
    settings: Settings,
    denoiser: Denoiser,
    n: int = 1,
    tell: Callable[[Tensor], object] | None = None,
) -> Denoise:
    """The denoiser of `n` images with prompt, style and guidance applied.

    A prompt that is empty or has no known word is unconditional. `tell` is given the two predictions that a guided
    one is made of whenever it is: (2 n, C, H, W), the conditional ones first.
    """
    schedule = SCHEDULES[settings.schedule]
    words, style = [settings.prompt] * n, [settings.style or None] * n
    if not settings.guided:
        return denoiser.conditioned(words, style, schedule)
    both = denoiser.conditioned([*words, *[settings.negative] * n], [*style, *[None] * n], schedule)
    if tell is not None:
        both = _told(both, tell)
    guided = batched_cfg(both, settings.guidance, clip=denoiser.autoencoder is None)
    if settings.interval == FULL_INTERVAL:
        return guided
    return limited_interval(guided, denoiser.conditioned(words, style, schedule), *settings.interval)


def _told(both: Denoise, tell: Callable[[Tensor], object]) -> Denoise:
    def denoise(x: Tensor, t: Tensor) -> Tensor:
        found = both(x, t)
        tell(found)
        return found

    return denoise


@dataclasses.dataclass(frozen=True)
class GuidedStep(Step):
    """A step at which guidance acts, with the two predictions at the state x (B, C, H, W) that it extrapolates between.

    `unconditional` is that of the negative prompt, where there is one.
    """

    conditional: Tensor
    unconditional: Tensor


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
    """The steps of a sampling trajectory as they are computed; several `seeds` are one batch.

    Where guidance acts, each is a `GuidedStep`.
    """
    denoiser = denoiser or checkpoints.load(settings.model)
    rng = make_generators([settings.seed] if seeds is None else seeds)
    told: list[Tensor] = []
    denoise = build_denoiser(settings, denoiser, len(rng), told.append)
    for step in sample(settings, denoise, randn_per_seed(rng, denoiser.shape), settings.timesteps, rng):
        # A sampler yields a step right after the evaluation at its state, the final one without any.
        yield GuidedStep(step.i, step.t, step.x, step.x0, step.eps, *told[-1].chunk(2)) if told else step
        told.clear()


def sample_images(settings: Settings, seeds: Sequence[int]) -> Tensor:
    """The samples of several seeds, in one batch: images (N, 3, S, S)."""
    denoiser = checkpoints.load(settings.model)
    return denoiser.decode(final_step(sample_steps(settings, denoiser, seeds)).x)


def sample_trajectory(settings: Settings, denoiser: Denoiser | None = None) -> Trajectory:
    """The whole sampling trajectory."""
    denoiser = denoiser or checkpoints.load(settings.model)
    steps, facts = sample_steps(settings, denoiser), dataclasses.asdict(settings)
    return record(steps, SCHEDULES[settings.schedule], facts, denoiser.decode_panel)[0]


def generate(prompt: str = "", **settings: Any) -> Trajectory:
    """One image with its sampling trajectory; the fields of `Settings` are the keyword arguments.

    The guidance scale is by default the one that the network's pages begin with.

    >>> generate("cat face", style="noto", seed=0, steps=30).image      # doctest: +SKIP
    """
    return sample_trajectory(Settings(prompt=prompt, **with_guidance(settings)))


def with_guidance(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of `Settings` with a guidance scale: where they name none, the one of their network."""
    own = checkpoints.guidance_scale(settings.get("model", checkpoints.DEFAULT), settings.get("guidance"))
    return {**settings, "guidance": own}
