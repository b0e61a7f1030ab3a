"""Captions of trajectories, one sentence per frame: every statement and figure in them is computed from the trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.pipelines.trajectory import Trajectory

SQUARES = 8  # the layout of an image is its block averages, with this many blocks a side


@dataclass(frozen=True)
class Convergence:
    """How near x0_hat is to the finished image at each frame, from 0 to 1: two (F,) arrays.

    `layout` compares the averages of 8 × 8 blocks, `detail` the rest. Each is 1 - RMSE / RMSE of the first estimate:
    1 means equal to the finished image, 0 no nearer to it than the first estimate was.
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


def convergence(run: Trajectory) -> Convergence:
    """Convergence of the estimate x0_hat to the image that this trajectory ends in."""

    def share(part: np.ndarray) -> np.ndarray:
        gap = rmse(part, part[-1], PER_IMAGE)
        return np.clip(1 - gap / gap[0], 0, 1) if gap[0] > 0 else np.ones_like(gap)

    layout, detail = split_layout_detail(run.x0)
    return Convergence(share(layout), share(detail))


def clipped_share(x0: np.ndarray) -> np.ndarray:
    """The share of values that clipping to [-1, 1] holds at a limit, of estimates x0_hat (…, C, H, W): (…,).

    Not for latents, which are not clipped.
    """
    return np.mean(np.abs(x0) >= 1, axis=PER_IMAGE)


def guidance_scale(run: Trajectory) -> float | None:
    """The guidance scale of a trajectory that is guided; 1 where nothing guides it, None where its settings do not say."""
    scale = run.settings.get("guidance")
    conditioned = any(run.settings.get(name) for name in ("prompt", "style", "negative"))
    return None if scale is None else float(scale) if conditioned else 1.0


def reverse_captions(run: Trajectory, planned: int | None = None) -> list[str]:
    """Captions of a sampling trajectory, one per frame.

    `planned` is the number of steps it was meant to have: a run that was stopped before has no finished image that its
    estimates could be compared with, and its last frame is a noisy one.
    """
    steps, scale = planned or run.steps, guidance_scale(run)
    done = convergence(run) if run.steps == steps else None
    guided, clipped = scale is not None and scale != 1, clipped_share(run.x0)
    texts = []
    for i in range(len(run.x0)):
        if i == steps:
            texts.append("The finished image: the last step ends on x̂₀ itself and adds no noise back.")
            continue
        if i == run.steps:
            texts.append(_stopped(i, steps, float(run.t[i])))
            continue
        limits = (
            f" Guidance and clipping hold {clipped[i]:.0%} of the values of x̂₀ at −1 or 1." if guided else ""
        )
        texts.append(f"Step {i + 1} of {steps}: {_what(i, scale, done)}.{limits}")
    return texts


def _stopped(i: int, steps: int, t: float) -> str:
    """The last frame of a run that was stopped before its end."""
    return (
        f"Step {i + 1} of {steps}, the last before the run was stopped: xₜ at t = {t:.2f} still holds noise, and x̂₀ is a "
        "prediction, not the finished image."
    )


def _what(i: int, scale: float | None, done: Convergence | None) -> str:
    """What there is to see at a frame that is not the last."""
    if i == 0:
        return _first(scale)
    if done is None:
        return "x̂₀ is what is predicted from xₜ at this step"
    layout, detail = float(done.layout[i]), float(done.detail[i])
    return f"{_stage(layout, detail)} ({_figures(layout, detail)})"


def img2img_captions(run: Trajectory, planned: int) -> list[str]:
    """Captions of an image-to-image trajectory: as `reverse_captions`, but for the first frame."""
    first = (
        f"Step 1 of {planned}: the given image, noised to t = {run.t[0]:.2f}. "
        "x̂₀ is what the network predicts of it from there."
    )
    return [first, *reverse_captions(run, planned)[1:]]


def inpaint_captions(run: Trajectory, planned: int, known: np.ndarray, mask: np.ndarray) -> list[str]:
    """Captions of inpainting where `mask` (H, W) is not 0: the error of x0_hat in the `known` (C, H, W) part."""
    outside = mask == 0
    texts = []
    for i, (t, x0) in enumerate(zip(run.t, run.x0, strict=True)):
        if i == len(run.x0) - 1 < planned:
            texts.append(_stopped(i, planned, float(t)))
            continue
        if i == planned:
            texts.append("Finished: outside the mask every pixel is that of the given image.")
            continue
        error = float(rmse(x0[:, outside], known[:, outside])) if outside.any() else 0.0
        again = ", resampled" if i and t == run.t[i - 1] else ""
        texts.append(
            f"Step {i + 1} of {planned}{again}: outside the mask the error (RMSE) of x̂₀ is {error:.2f}. There the given "
            "image replaces it before the step is taken."
        )
    return texts


def _first(scale: float | None) -> str:
    """What the estimate at pure noise is: without guidance, E[x0 | x_1, c] = E[x0 | c]."""
    start = "xₜ is Gaussian noise and holds nothing of an image"
    if scale is None:
        return f"{start}; x̂₀ is the first prediction"
    if scale == 1:
        return f"{start}, so x̂₀ estimates the mean of all images that fit the prompt"
    return f"{start}; x̂₀ is guided: x̂₀(∅) + {scale:g}·(x̂₀(c) − x̂₀(∅)), clipped"


def _figures(layout: float, detail: float) -> str:
    return f"of the way to the finished image: layout {layout:.0%}, fine detail {detail:.0%}"


def _stage(layout: float, detail: float) -> str:
    if layout < 0.35:
        return "neither layout nor detail of x̂₀ is near the finished image"
    if layout < 0.75:
        return "the layout of x̂₀ is forming"
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
