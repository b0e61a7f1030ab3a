"""Editing: a run that sets out from a picture, and one that must leave part of a picture as it is.

Both are made of what is there: a denoiser, a sampler, noise. Nothing is trained for them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from diffviz.diffusion.process import Denoise, add_noise, eps_from_x0, noise_one_step
from diffviz.diffusion.samplers import Step, ddim, draw, seeded, times
from diffviz.diffusion.schedules import SCHEDULES, Schedule
from diffviz.imaging import uploads
from diffviz.imaging.pixels import from_uint8
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.text_to_image import Settings, asked, number, walk, whole_number
from diffviz.pipelines.trajectory import Trajectory, record

STRENGTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ROUNDS = (1, 2, 4, 8)
MOST_ROUNDS = 20


# --- the two methods ---------------------------------------------------------------------------------------


def bury(x0: Tensor, strength: float, schedule: Schedule, rng: Sequence[torch.Generator]) -> Tensor:
    """Pictures x0 (B, C, H, W) with the noise of time `strength`: what a run can set out from in place of static.

    SDEdit, Meng et al. 2022 (arXiv 2108.01073, algorithm 1): the noise takes the detail and leaves the layout, as in
    the forward process, and the run from there puts new detail on what is left.
    """
    return add_noise(x0, draw(rng, x0.shape[1:]), strength, schedule)


def times_from(strength: float, steps: int) -> list[float]:
    """The times of a run that sets out from `strength`: of the `steps` of a whole run, as many fewer in proportion."""
    return times(max(1, round(steps * strength)), strength)


def fill(
    denoise: Denoise,
    known: Tensor,
    hole: Tensor,
    ts: Sequence[float],
    schedule: Schedule,
    *,
    rounds: int = 1,
    rng: Sequence[torch.Generator],
) -> Iterator[Step]:
    """Draw where `hole` (B or 1, 1, H, W), of bools, is True; elsewhere the pictures are `known` (B, C, H, W).

    RePaint, Lugmayr et al. 2022 (arXiv 2201.09865, algorithm 1, with jumps of one step), on DDPM's steps. At each
    step the network guesses the whole picture, and outside the hole its guess is put right before the step is taken:
    there x arrives with just the noise the step ends at, and at the end with none. It was never told what is known;
    it sees it in x_t. Early on it sees next to nothing, and draws in the hole what need not fit. So each step but
    the last is taken `rounds` times, going back up by fresh noise in between.

    In each Step, x0 is the network's own guess of the whole picture; the last holds the finished one.
    """
    x, eps, i = draw(rng, known.shape[1:]).to(known), known, 0
    for t, s in pairwise(ts):
        for again in reversed(range(rounds if s > 0 else 1)):
            x0 = denoise(x, torch.full((len(x),), t, dtype=torch.float64))
            eps = eps_from_x0(x, x0, float(schedule.alpha(t)), float(schedule.sigma(t)))
            yield Step(i, t, x, x0, eps)
            put_right = torch.where(hole, x0, known)
            *_, step = ddim(lambda *_, guess=put_right: guess, x, [t, s], schedule, eta=1.0, rng=rng)
            x, i = step.x, i + 1
            if again:
                x = noise_one_step(x, draw(rng, x.shape[1:]).to(x), s, t, schedule)
    yield Step(i, ts[-1], x, x, eps)


def seam(pictures: np.ndarray, hole: np.ndarray) -> float:
    """How hard the edge of the hole (H, W) is to see in pictures (…, C, H, W): the mean jump of values across it.

    Over all pairs of neighbouring pixels of which one lies inside. Raises ValueError where there are none.
    """
    inside = hole > 0
    across, down = inside[:, 1:] != inside[:, :-1], inside[1:] != inside[:-1]
    if not (across.any() or down.any()):
        raise ValueError("the hole has no edge inside the picture")
    jumps = [np.abs(np.diff(pictures, axis=axis))[..., where] for axis, where in ((-1, across), (-2, down))]
    return float(np.concatenate([j.reshape(-1) for j in jumps]).mean())


# --- runs of them, from settings ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Redrawing(Settings):
    """A run from a picture with the noise of time `strength`, above 0 (nothing) to 1 (nothing of it is left).

    `picture` is the bytes of (S, S, 3) uint8 at the network's size. `steps` are those of a whole run, a shorter way
    takes fewer in proportion, evenly spaced. Raises ValueError like Settings.
    """

    picture: bytes = b""
    strength: float = 0.7

    def __post_init__(self) -> None:
        super().__post_init__()
        self._normalize("strength", number("strength", self.strength, 0, 1))
        if self.strength == 0:
            raise ValueError("strength must be above 0: at 0 there is no noise to take away")
        _only(self, "spacing", "trailing")

    @property
    def times(self) -> list[float]:
        return times_from(self.strength, self.steps)


@dataclasses.dataclass(frozen=True)
class Filling(Settings):
    """A run that draws in a hole of a picture and takes each step `rounds` times, with DDPM's steps.

    `picture` is the bytes of (S, S, 3) uint8 at the network's size, `hole` those of (S, S), 0 where all stays as it
    is. Raises ValueError like Settings, and for another sampler or spacing.
    """

    sampler: str = "ddpm"
    picture: bytes = b""
    hole: bytes = b""
    rounds: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._normalize("rounds", whole_number("rounds", self.rounds, 1, MOST_ROUNDS))
        _only(self, "sampler", "ddpm")
        _only(self, "spacing", "trailing")

    @property
    def times(self) -> list[float]:
        *most, last = times(self.steps)[:-1]
        return [t for t in most for _ in range(self.rounds)] + [last, 0.0]


def _only(settings: Settings, name: str, value: str) -> None:
    """Refuse what an edit would ignore, so that no run is recorded with a setting that it did not have."""
    if getattr(settings, name) != value:
        raise ValueError(
            f"{name} is always {value!r} in this kind of edit, which would ignore {getattr(settings, name)!r}"
        )


def redraw_steps(settings: Redrawing, denoiser: Denoiser | None = None) -> Iterator[Step]:
    """The steps of a run that sets out from a picture: `settings.frames` + 1 of them, as they are computed."""
    denoiser = denoiser or checkpoints.load(settings.model)
    rng = seeded([settings.seed])
    x0 = _picture(settings.picture, denoiser)
    x = bury(x0, settings.strength, SCHEDULES[settings.schedule], rng)
    return walk(settings, asked(settings, denoiser), x, settings.times, rng)


def fill_steps(settings: Filling, denoiser: Denoiser | None = None) -> Iterator[Step]:
    """The steps of a run that fills a hole: `settings.frames` + 1 of them, as they are computed."""
    denoiser = denoiser or checkpoints.load(settings.model)
    return fill(
        asked(settings, denoiser),
        _picture(settings.picture, denoiser),
        torch.from_numpy(np.frombuffer(settings.hole, np.uint8) > 0).view(1, 1, *denoiser.shape[1:]),
        times(settings.steps),
        SCHEDULES[settings.schedule],
        rounds=settings.rounds,
        rng=seeded([settings.seed]),
    )


def img2img(image: Image.Image, prompt: str = "", **settings: object) -> Trajectory:
    """A picture redrawn, and its whole way there; the fields of `Redrawing` but `picture` are the keyword arguments.

    The middle square of `image` is taken.

    >>> img2img(Image.open("cat.png"), "fox", strength=0.8).image      # doctest: +SKIP
    """
    model = settings.get("model", checkpoints.DEFAULT)
    edit = Redrawing(prompt=prompt, picture=_square(image, model).tobytes(), **settings)
    return _recorded(redraw_steps(edit), edit)


def inpaint(
    image: Image.Image, hole: Image.Image | np.ndarray, prompt: str = "", **settings: object
) -> Trajectory:
    """A picture with a hole filled, and its whole way there; the fields of `Filling` are the keyword arguments.

    `hole` covers the same ground as `image`: a picture or an array (H, W) of the same proportions, to be drawn where it
    is not 0 (black, or wholly transparent). A pixel of the network's is drawn where any part of it is. The middle
    square of both is taken. Raises ValueError where the two have other proportions, or `hole` is no such array.
    """
    model = settings.get("model", checkpoints.DEFAULT)
    picture = _square(image, model)
    marks = uploads.mask(hole)
    (width, height), (across, down) = image.size, (marks.shape[1], marks.shape[0])
    if (
        abs(width * down - height * across) > max(width, height) / 2
    ):  # more than rounding to whole pixels explains
        raise ValueError(
            f"the mask must have the proportions of the image, {width} × {height}, not {across} × {down}"
        )
    cover = uploads.cover(marks, len(picture))
    edit = Filling(prompt=prompt, picture=picture.tobytes(), hole=cover.tobytes(), **settings)
    return _recorded(fill_steps(edit), edit)


def _square(image: Image.Image, model: str) -> np.ndarray:
    if not isinstance(image, Image.Image):
        raise ValueError(f"the image must be a PIL image, not {type(image).__name__}")
    if min(image.size) < 2:
        raise ValueError(f"the image must have two pixels a side or more, not {image.width} × {image.height}")
    return uploads.resize(uploads.rgb_on_white(image), checkpoints.load(model).shape[1], uploads.crop(image))


def _recorded(steps: Iterator[Step], edit: Settings) -> Trajectory:
    facts = {k: v for k, v in dataclasses.asdict(edit).items() if not isinstance(v, bytes)}
    return record(steps, SCHEDULES[edit.schedule], facts)[0]


def _picture(pixels: bytes, denoiser: Denoiser) -> Tensor:
    """(1, 3, S, S) in [-1, 1] of bytes in rows of RGB."""
    array = np.frombuffer(pixels, np.uint8).reshape(*denoiser.shape[1:], 3)
    return torch.from_numpy(from_uint8(array))[None]
