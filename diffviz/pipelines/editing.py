"""Image-to-image (SDEdit) and inpainting (RePaint) with a denoiser that was trained for neither."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from diffviz.diffusion.process import Denoise, add_noise, eps_from_x0, noise_one_step
from diffviz.diffusion.samplers import Step, ddim, final_step, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES, Schedule
from diffviz.imaging import uploads
from diffviz.imaging.pixels import from_uint8
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.pipelines.text_to_image import (
    Settings,
    build_denoiser,
    number,
    sample,
    whole_number,
    with_guidance,
)
from diffviz.pipelines.trajectory import Decode, Trajectory, record

STRENGTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
RESAMPLING_STEPS = (1, 2, 4, 8)
MAX_RESAMPLING_STEPS = 20


# --- the two methods ---------------------------------------------------------------------------------------


def sdedit_init(x0: Tensor, strength: float, schedule: Schedule, rng: Sequence[torch.Generator]) -> Tensor:
    """Images x0 (B, C, H, W) with the noise of time `strength`: where sampling begins in place of pure noise.

    SDEdit, Meng et al. 2022 (arXiv 2108.01073, algorithm 1). The noise hides fine detail before coarse layout, whose
    signal-to-noise ratio is higher; sampling generates what is hidden, on the layout that is left.
    """
    return add_noise(x0, randn_per_seed(rng, x0.shape[1:]), strength, schedule)


def img2img_timesteps(strength: float, steps: int) -> list[float]:
    """Times from `strength` down to 0: of the `steps` from pure noise, as many fewer in proportion."""
    return timesteps(max(1, round(steps * strength)), strength)


def repaint(
    denoise: Denoise,
    known: Tensor,
    mask: Tensor,
    ts: Sequence[float],
    schedule: Schedule,
    *,
    resampling_steps: int = 1,
    rng: Sequence[torch.Generator],
) -> Iterator[Step]:
    """Inpaint where `mask` (B or 1, 1, H, W), of bools, is True; elsewhere the images are `known` (B, C, H, W).

    RePaint, Lugmayr et al. 2022 (arXiv 2201.09865, algorithm 1, with jumps of one step), on DDPM's steps. At each
    step the network predicts the whole image, and outside the mask its x0_hat is replaced by the known image before
    the step is taken. There x_s is a sample of q(x_s | x_t, x0) for the known x0; the paper samples q(x_s | x0), whose
    distribution is the same. The network sees the known region in x_t only, which early on is mostly noise, so what it
    generates need not fit: each step but the last is taken `resampling_steps` times, with noise added back in between.

    In each Step, x0 is the network's own estimate of the whole image; the last Step holds the finished image.
    """
    x, eps, i = randn_per_seed(rng, known.shape[1:]).to(known), known, 0
    for t, s in pairwise(ts):
        for again in reversed(range(resampling_steps if s > 0 else 1)):
            x0 = denoise(x, torch.full((len(x),), t, dtype=torch.float64))
            eps = eps_from_x0(x, x0, float(schedule.alpha(t)), float(schedule.sigma(t)))
            yield Step(i, t, x, x0, eps)
            corrected = torch.where(mask, x0, known)
            *_, step = ddim(lambda _x, _t, x0_hat=corrected: x0_hat, x, [t, s], schedule, eta=1.0, rng=rng)
            x, i = step.x, i + 1
            if again:
                x = noise_one_step(x, randn_per_seed(rng, x.shape[1:]).to(x), s, t, schedule)
    yield Step(i, ts[-1], x, x, eps)


def boundary_jump(images: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute difference of values across the boundary of the mask (H, W) in images (…, C, H, W).

    Over all pairs of neighbouring pixels of which one lies inside. Raises ValueError where there are none.
    """
    inside = mask > 0
    across, down = inside[:, 1:] != inside[:, :-1], inside[1:] != inside[:-1]
    if not (across.any() or down.any()):
        raise ValueError("the mask has no boundary inside the image")
    jumps = [np.abs(np.diff(images, axis=axis))[..., where] for axis, where in ((-1, across), (-2, down))]
    return float(np.concatenate([j.reshape(-1) for j in jumps]).mean())


# --- from settings -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Img2ImgSettings(Settings):
    """Image-to-image (SDEdit) from an image noised to time `strength`: above 0 to 1, which is
    text-to-image where the schedule ends at alpha = 0.

    `image` is the bytes of (S, S, 3) uint8 at the network's size. `steps` counts from pure noise: a lower strength
    takes proportionally fewer, uniformly spaced. Raises ValueError like Settings, and for a strength so low that the
    noise of its time is lost in rounding.
    """

    image: bytes = b""
    strength: float = 0.7

    def __post_init__(self) -> None:
        super().__post_init__()
        self._normalize("strength", number("strength", self.strength, 0, 1))
        sigma = float(SCHEDULES[self.schedule].sigma(self.strength))
        if self.strength == 0 or sigma < torch.finfo(torch.float32).eps:  # which rounding takes away again
            raise ValueError(f"strength must be above 0: at {self.strength:g} there is no noise to remove")
        _only(self, "spacing", "trailing")

    @property
    def timesteps(self) -> list[float]:
        return img2img_timesteps(self.strength, self.steps)


@dataclasses.dataclass(frozen=True)
class InpaintSettings(Settings):
    """Inpainting (RePaint) on DDPM's steps, each taken `resampling_steps` times.

    `image` is the bytes of (S, S, 3) uint8 at the network's size, `mask` those of (S, S): 0 where the image is known,
    anything else where it is generated. Raises ValueError like Settings, and for another sampler or spacing.
    """

    sampler: str = "ddpm"
    image: bytes = b""
    mask: bytes = b""
    resampling_steps: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._normalize(
            "resampling_steps",
            whole_number("resampling_steps", self.resampling_steps, 1, MAX_RESAMPLING_STEPS),
        )
        _only(self, "sampler", "ddpm")
        _only(self, "spacing", "trailing")

    @property
    def timesteps(self) -> list[float]:
        *most, last = timesteps(self.steps)[:-1]
        return [t for t in most for _ in range(self.resampling_steps)] + [last, 0.0]


def _only(settings: Settings, name: str, value: str) -> None:
    """Refuse a setting that the edit would ignore, so that no run is recorded with a setting that it did not have."""
    if getattr(settings, name) != value:
        raise ValueError(
            f"{name} is always {value!r} in this kind of edit, which would ignore {getattr(settings, name)!r}"
        )


def img2img_steps(settings: Img2ImgSettings, denoiser: Denoiser | None = None) -> Iterator[Step]:
    """The steps of image-to-image: `settings.frames` + 1 of them, as they are computed."""
    denoiser = denoiser or checkpoints.load(settings.model)
    rng = make_generators([settings.seed])
    x0 = denoiser.encode(_read_image(settings.image, denoiser))
    x = sdedit_init(x0, settings.strength, SCHEDULES[settings.schedule], rng)
    return sample(settings, build_denoiser(settings, denoiser), x, settings.timesteps, rng)


def inpaint_steps(settings: InpaintSettings, denoiser: Denoiser | None = None) -> Iterator[Step]:
    """The steps of inpainting: `settings.frames` + 1 of them, as they are computed.

    In latents a position is drawn anew where any pixel of its patch is masked, so the states keep less of the image than
    the mask does; `paste_back` puts the rest of the pixels back.
    """
    denoiser = denoiser or checkpoints.load(settings.model)
    return repaint(
        build_denoiser(settings, denoiser),
        denoiser.encode(_read_image(settings.image, denoiser)),
        state_mask(_read_mask(settings.mask, denoiser), denoiser),
        timesteps(settings.steps),
        SCHEDULES[settings.schedule],
        resampling_steps=settings.resampling_steps,
        rng=make_generators([settings.seed]),
    )


def state_mask(mask: Tensor, denoiser: Denoiser) -> Tensor:
    """The mask (1, 1, H, W) of bools of the states of a trajectory, for the mask (1, 1, S, S) of an image.

    True where any pixel that a state's value stands for is masked.
    """
    return F.max_pool2d(mask.float(), mask.shape[-1] // denoiser.shape[-1]) > 0


def paste_back(settings: InpaintSettings, denoiser: Denoiser) -> Decode | None:
    """`Denoiser.decode_panel` for inpainting: in the finished image, what is outside the mask keeps its own pixels.

    Decoding alone would change them a little: the autoencoder loses detail. None where the states are images, which
    RePaint keeps exactly.
    """
    decode = denoiser.decode_panel
    if decode is None:
        return None
    known, mask = _read_image(settings.image, denoiser).numpy(), _read_mask(settings.mask, denoiser).numpy()
    return lambda panel, states: (
        np.where(mask, decode(panel, states), known) if panel == "final" else decode(panel, states)
    )


def decode_of(settings: Settings, denoiser: Denoiser) -> Decode | None:
    """What the trajectory of any settings is decoded by; None where its states are images already."""
    if isinstance(settings, InpaintSettings):
        return paste_back(settings, denoiser)
    return denoiser.decode_panel


def edited_image(settings: Img2ImgSettings | InpaintSettings) -> np.ndarray:
    """The finished image (3, S, S) of an edit, without its trajectory."""
    denoiser = checkpoints.load(settings.model)
    inpaints = isinstance(settings, InpaintSettings)
    steps = inpaint_steps(settings, denoiser) if inpaints else img2img_steps(settings, denoiser)
    x, decode = final_step(steps).x.numpy(), decode_of(settings, denoiser)
    return (x if decode is None else decode("final", x))[0]


def drawn_anew(mask: np.ndarray, denoiser: Denoiser) -> np.ndarray:
    """Where the mask (S, S) of an image has its network change the image, in pixels: (S, S) of bools.

    In latents that is whole patches of a position, more than the mask itself; in pixels the mask.
    """
    states = state_mask(torch.as_tensor(mask > 0)[None, None], denoiser)[0, 0].numpy()
    patch = mask.shape[-1] // states.shape[-1]
    return states.repeat(patch, axis=0).repeat(patch, axis=1)


def img2img(image: Image.Image, prompt: str = "", **settings: Any) -> Trajectory:
    """Image-to-image: the sampling trajectory; the fields of `Img2ImgSettings` but `image` are the keyword arguments.

    `image` is cropped to its central square. The guidance scale is by default the one that the network's pages begin with.

    >>> img2img(Image.open("cat.png"), "fox", strength=0.8).image      # doctest: +SKIP
    """
    settings = with_guidance(settings)
    model = settings.get("model", checkpoints.DEFAULT)
    edit = Img2ImgSettings(prompt=prompt, image=_center_square(_upright(image), model).tobytes(), **settings)
    return _record(img2img_steps(edit), edit, decode_of(edit, checkpoints.load(model)))


def inpaint(
    image: Image.Image, mask: Image.Image | np.ndarray, prompt: str = "", **settings: Any
) -> Trajectory:
    """Inpainting: the sampling trajectory; other fields of `InpaintSettings` are the keyword arguments.

    `mask` is an image, or an array (H, W), of the aspect ratio of `image`: the image is generated where the mask is not
    0 (black, or fully transparent), and so is every pixel of the network's resolution that the mask touches. Both are
    cropped to the central square. The guidance scale is by default the one that the network's pages begin with. Raises
    ValueError where the two differ in aspect ratio, or `mask` is no such array.
    """
    settings = with_guidance(settings)
    model = settings.get("model", checkpoints.DEFAULT)
    image = _upright(image)
    cropped = _center_square(image, model)
    marks = uploads.mask(mask)
    (width, height), (across, down) = image.size, (marks.shape[1], marks.shape[0])
    # More than rounding to whole pixels explains, in either of the two.
    if abs(width * down - height * across) > max(width, height, across, down):
        raise ValueError(
            f"the mask must have the proportions of the image, {width} × {height}, not {across} × {down}"
        )
    cover = uploads.cover(marks, len(cropped))
    edit = InpaintSettings(prompt=prompt, image=cropped.tobytes(), mask=cover.tobytes(), **settings)
    return _record(inpaint_steps(edit), edit, decode_of(edit, checkpoints.load(model)))


def _upright(image: Any) -> Image.Image:
    if not isinstance(image, Image.Image):
        raise ValueError(f"the image must be a PIL image, not {type(image).__name__}")
    return uploads.upright(image)


def _center_square(image: Image.Image, model: str) -> np.ndarray:
    if min(image.size) < 2:
        raise ValueError(f"the image must have two pixels a side or more, not {image.width} × {image.height}")
    return uploads.resize(
        uploads.rgb_on_white(image), checkpoints.load(model).image_size, uploads.crop(image)
    )


def _record(steps: Iterator[Step], edit: Settings, decode: Decode | None) -> Trajectory:
    facts = {k: v for k, v in dataclasses.asdict(edit).items() if not isinstance(v, bytes)}
    return record(steps, SCHEDULES[edit.schedule], facts, decode)[0]


def _read_image(pixels: bytes, denoiser: Denoiser) -> Tensor:
    """(1, 3, S, S) in [-1, 1] of bytes in rows of RGB."""
    side = denoiser.image_size
    return torch.as_tensor(from_uint8(np.frombuffer(pixels, np.uint8).reshape(side, side, 3)))[None]


def _read_mask(mask: bytes, denoiser: Denoiser) -> Tensor:
    """(1, 1, S, S) of bools, True where the image is to be drawn."""
    side = denoiser.image_size
    return torch.as_tensor(np.frombuffer(mask, np.uint8) > 0).view(1, 1, side, side)
