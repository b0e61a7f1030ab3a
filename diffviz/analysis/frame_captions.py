"""Captions of trajectories, one sentence per frame: every statement and figure in them is computed from the trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diffviz.analysis.spaces import LATENTS, PIXELS, Space, space_of
from diffviz.diffusion.guidance import in_interval
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.models import checkpoints
from diffviz.pipelines.trajectory import Trajectory

SQUARES = 8  # the layout of an image is its block averages, with this many blocks a side
MAX_DECODED = 60  # frames of a run in latents that are shown, and so decoded, beside its last


@dataclass(frozen=True)
class Convergence:
    """How near x0_hat is, as an image, to the finished one at each frame, from 0 to 1: two (F,) arrays.

    `layout` compares the averages over the squares of an 8 × 8 grid, `detail` the rest. Each is 1 - RMSE / RMSE of the
    first estimate: 1 means equal to the finished image, 0 no nearer to it than the first estimate was.
    """

    layout: np.ndarray
    detail: np.ndarray


def split_layout_detail(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images (…, C, H, W) as layout (block averages) and detail (the rest); the two add up to the image."""
    *lead, c, h, w = images.shape
    blocks = images.reshape(*lead, c, SQUARES, h // SQUARES, SQUARES, w // SQUARES)
    means = blocks.mean((-3, -1), keepdims=True)
    layout = np.broadcast_to(means, blocks.shape).reshape(images.shape)
    return layout, images - layout


def is_shown(space: Space, frame: int, planned: int) -> bool:
    """Whether a frame of a run of `planned` steps is shown: all in pixels, in latents about MAX_DECODED of a long run."""
    return space is PIXELS or frame == planned or frame % -(-planned // MAX_DECODED) == 0


def shown_frames(run: Trajectory, planned: int | None = None) -> list[int]:
    """The numbers of the frames that are shown, the last one always among them; `planned` as in `reverse_captions`."""
    planned, space = planned or run.steps, space_of(run)
    return [i for i in range(run.steps + 1) if i == run.steps or is_shown(space, i, planned)]


def convergence(run: Trajectory) -> Convergence:
    """Convergence of the estimate x0_hat to the image that this trajectory ends in, at each of `shown_frames`."""

    def share(part: np.ndarray) -> np.ndarray:
        gap = rmse(part, part[-1], PER_IMAGE)
        return np.clip(1 - gap / gap[0], 0, 1) if gap[0] > 0 else np.ones_like(gap)

    layout, detail = split_layout_detail(run.images("x0", shown_frames(run)))
    return Convergence(share(layout), share(detail))


def clipped_share(x0: np.ndarray) -> np.ndarray:
    """The share of values that clipping to [-1, 1] holds at a limit, of estimates x0_hat (…, C, H, W): (…,).

    Of networks on pixels only: latents are not clipped.
    """
    return np.mean(np.abs(x0) >= 1, axis=PER_IMAGE)


def guidance_scale(run: Trajectory) -> float | None:
    """The guidance scale of a trajectory that is guided; 1 where nothing guides it, None where its settings do not say."""
    scale = run.settings.get("guidance")
    guides = _conditioned(run) or _says(run, "negative")
    return None if scale is None else float(scale) if guides else 1.0


def _acts(run: Trajectory, i: int) -> bool:
    """Whether frame i lies in the interval of times in which guidance acts, its lower end left out."""
    low, high = run.settings.get("interval", (0.0, 1.0))
    return in_interval(float(run.t[i]), low, high)


def _conditioned(run: Trajectory) -> bool:
    return bool(run.settings.get("style")) or _says(run, "prompt")


def _says(run: Trajectory, field: str) -> bool:
    """Whether the prompt, or the negative one, has a word that the network knows: others say nothing to it."""
    text = run.settings.get(field)
    if not text:
        return False
    return bool(checkpoints.load(run.settings.get("model", checkpoints.DEFAULT)).vocabulary.read(text).words)


def reverse_captions(run: Trajectory, planned: int | None = None) -> list[str]:
    """Captions of a sampling trajectory, one for each of `shown_frames`.

    `planned` is the number of steps it was meant to have: a run that was stopped before has no finished image that its
    estimates could be compared with, and its last frame is a noisy one.
    """
    steps, scale, space = planned or run.steps, guidance_scale(run), space_of(run)
    done = convergence(run) if run.steps == steps else None
    at, texts = shown_frames(run, planned), []
    for k, i in enumerate(at):
        if i == steps:
            decoded = ", decoded" if space is LATENTS else ""
            texts.append(
                f"The finished image{decoded}: the last step ends on x̂₀ itself and adds no noise back."
            )
        elif i == run.steps:
            texts.append(_stopped(i, steps, float(run.t[i])))
        else:
            here = scale if _acts(run, i) else 1.0
            limits = _limits(run.x0[i], space) if here not in (None, 1) else ""
            stage = None if done is None else (float(done.layout[k]), float(done.detail[k]))
            what = _first(run, here, space) if i == 0 else _what(stage, space)
            texts.append(f"Step {i + 1} of {steps}: {what}.{limits}")
    return [space.say(text) for text in texts]


def _limits(x0: np.ndarray, space: Space) -> str:
    """What bounds a guided estimate (C, H, W), in a sentence."""
    if space is PIXELS:
        return f" Guidance and clipping hold {clipped_share(x0):.0%} of the values of x̂₀ at −1 or 1."
    spread = x0.std()
    return f" Nothing is clipped: the values of x̂₀ have a standard deviation of {spread:.2f}, of training latents 1."


def _stopped(i: int, steps: int, t: float) -> str:
    """The last frame of a run that was stopped before its end."""
    return (
        f"Step {i + 1} of {steps}, the last before the run was stopped: xₜ at t = {t:.2f} still holds noise, and x̂₀ is a "
        "prediction, not the finished image."
    )


def _what(stage: tuple[float, float] | None, space: Space) -> str:
    """What there is to see at a frame within the run; `stage` is how near layout and detail are to the end."""
    if stage is None:
        return "x̂₀ is what is predicted from xₜ at this step"
    return f"{_stage(*stage, space.image_of('x̂₀'))} ({_figures(*stage)})"


def img2img_captions(run: Trajectory, planned: int) -> list[str]:
    """Captions of an image-to-image trajectory: as `reverse_captions`, but for the first frame."""
    space = space_of(run)
    given = "the latents of the given image" if space is LATENTS else "the given image"
    noised = (
        f"{given}, noised to t = {run.t[0]:.2f}. x̂₀ is what the network predicts of "
        f"{'them' if space is LATENTS else 'it'} from there."
    )
    if run.t[0] == 1:
        noised = (
            f"at t = 1 next to nothing is left of {given}. x̂₀ is what the network predicts from noise alone."
        )
    first = space.say(f"Step 1 of {planned}: {noised}")
    return [first, *reverse_captions(run, planned)[1:]]


def inpaint_captions(run: Trajectory, planned: int, known: np.ndarray, mask: np.ndarray) -> list[str]:
    """Captions of inpainting where `mask` (S, S) is not 0, one for each of `shown_frames`.

    They tell the error of x0_hat, as an image, in the `known` (3, S, S) part.
    """
    outside, space, at = mask == 0, space_of(run), shown_frames(run, planned)
    back = ", put back after decoding" if space is LATENTS else ""
    given = "the latents of the given image replace" if space is LATENTS else "the given image replaces"
    texts = []
    for i, x0 in zip(at, run.images("x0", at), strict=True):
        t = run.t[i]
        if i == run.steps < planned:
            texts.append(space.say(_stopped(i, planned, float(t))))
            continue
        if i == planned:
            texts.append(f"Finished: outside the mask every pixel is that of the given image{back}.")
            continue
        error = float(rmse(x0[:, outside], known[:, outside])) if outside.any() else 0.0
        again = ", resampled" if i and t == run.t[i - 1] else ""
        texts.append(
            f"Step {i + 1} of {planned}{again}: outside the mask the error (RMSE) of {space.image_of('x̂₀')} is "
            f"{error:.2f}. "
            f"There {given} it before the step is taken."
        )
    return texts


def _first(run: Trajectory, scale: float | None, space: Space) -> str:
    """What the estimate at pure noise is: without guidance, E[x0 | x_1, c] = E[x0 | c] where alpha is 0 there."""
    start = "xₜ is Gaussian noise and holds nothing of an image"
    if scale is None:
        return f"{start}; x̂₀ is the first prediction"
    if scale == 1:
        alpha = float(SCHEDULES[run.settings.get("schedule", "cosine")].alpha(run.t[0]))
        if alpha > 1e-3:
            return f"{start}, but the network is told that α = {alpha:.3f} of one is in it, and x̂₀ follows from that"
        latents = "the latents of " if space is LATENTS else ""
        which = "images that fit the prompt" if _conditioned(run) else "training images"
        return f"{start}, so x̂₀ estimates the mean of {latents}all {which}"
    clipped = ", clipped" if space.clipped else ""
    return f"{start}; x̂₀ is guided: x̂₀(∅) + {scale:g}·(x̂₀(c) − x̂₀(∅)){clipped}"


def _figures(layout: float, detail: float) -> str:
    return f"of the way to the finished image: layout {layout:.0%}, fine detail {detail:.0%}"


def _stage(layout: float, detail: float, shown: str) -> str:
    if layout < 0.35:
        return f"neither layout nor detail of {shown} is near the finished image"
    if layout < 0.75:
        return f"the layout of {shown} is forming"
    if detail < 0.5:
        return "the layout stands, the fine detail still changes"
    if detail < 0.9:
        return "the layout stands, the fine detail is converging"
    return "only small changes are left"


def forward_captions(
    alpha: np.ndarray, sigma: np.ndarray, steps: np.ndarray, total: int, power: float = 1.0
) -> list[str]:
    """Captions of a forward trajectory: alpha and sigma (F,), and the step number of each frame.

    `power` is the mean square of the clean image: alpha^2 * power against sigma^2 says which of the two is stronger,
    which the SNR alpha^2 / sigma^2 says for images of mean square 1 only.
    """
    texts = []
    for a, s, k in zip(alpha, sigma, steps, strict=True):
        if k == 0:
            texts.append("The clean image x₀: no noise has been added yet.")
            continue
        ratio = a**2 * power / max(s**2, 1e-24)
        if ratio >= 1:
            what = f"The image has {_times(ratio)} the power of the noise"
        elif ratio > 1e-3:
            what = f"The noise has {_times(1 / ratio)} the power of the image"
        elif a > 0:
            what = f"Gaussian noise to the eye, but {a:.4f} of the image is left"
        else:
            what = "Gaussian noise alone: nothing of the image is left"
        texts.append(f"Step {k} of {total}: xₜ = {a:.2f}·x₀ + {s:.2f}·ε. {what}.")
    return texts


def _times(ratio: float) -> str:
    """A ratio of powers of 1 or more, with two figures at most."""
    return f"{ratio:.1f} times" if ratio < 9.95 else f"{float(f'{ratio:.2g}'):,.0f} times"
