"""One sentence per frame that says what to look at, computed from the run and never written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diffviz.evaluation.metrics import PER_IMAGE, rmse
from diffviz.pipelines.trajectory import Trajectory

SQUARES = 8  # a picture's layout is its averages over this many squares a side


@dataclass(frozen=True)
class Convergence:
    """How much of the finished picture is already in x0_hat at each frame, from 0 to 1: two (F,) arrays.

    `layout` compares averages over 8 × 8 squares, `detail` what is left when those are taken away. 1 means
    equal to the finished picture, 0 no closer to it than the first estimate was.
    """

    layout: np.ndarray
    detail: np.ndarray


def split_layout_detail(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (…, C, H, W) as layout (block averages) and detail (the rest); they add up to the picture."""
    *lead, c, h, w = pictures.shape
    blocks = pictures.reshape(*lead, c, SQUARES, h // SQUARES, SQUARES, w // SQUARES)
    means = blocks.mean((-3, -1), keepdims=True)
    layout = np.broadcast_to(means, blocks.shape).reshape(pictures.shape)
    return layout, pictures - layout


def convergence(run: Trajectory) -> Convergence:
    """Convergence of the estimate x0_hat to the image that this trajectory ends in."""

    def share(part: np.ndarray) -> np.ndarray:
        gap = rmse(part, part[-1], PER_IMAGE)
        return np.clip(1 - gap / gap[0], 0, 1) if gap[0] > 0 else np.ones_like(gap)

    layout, detail = split_layout_detail(run.x0)
    return Convergence(share(layout), share(detail))


def reverse_captions(run: Trajectory, planned: int | None = None) -> list[str]:
    """Captions of a sampling trajectory, one per frame; `planned` is the number of steps it was meant to have."""
    steps, done = planned or run.steps, convergence(run)
    texts = []
    for i, (layout, detail) in enumerate(zip(done.layout, done.detail, strict=True)):
        if i == run.steps:
            texts.append("The finished picture: nothing was added back after the last estimate.")
        elif i == 0:
            texts.append(
                f"Step 1 of {steps}: x_t is pure static. The estimate x̂0 is an average of everything it could be."
            )
        else:
            texts.append(
                f"Step {i + 1} of {steps}: {_stage(layout, detail)} "
                f"(layout {layout:.0%} settled, fine detail {detail:.0%})."
            )
    return texts


def img2img_captions(run: Trajectory, planned: int) -> list[str]:
    """Captions of an image-to-image trajectory: as `reverse_captions`, but for the first frame."""
    first = f"Step 1 of {planned}: the picture, buried as far as t = {run.t[0]:.2f}. What the guess has of it will stay."
    return [first, *reverse_captions(run, planned)[1:]]


def inpaint_captions(run: Trajectory, planned: int, known: np.ndarray, mask: np.ndarray) -> list[str]:
    """Captions of inpainting where `mask` (H, W) is not 0: the error of x0_hat in the `known` (C, H, W) part."""
    outside = mask == 0
    texts = []
    for i, (t, x0) in enumerate(zip(run.t, run.x0, strict=True)):
        if i == planned:
            texts.append("Finished: outside the hole every pixel is the picture's own.")
            continue
        error = float(rmse(x0[:, outside], known[:, outside])) if outside.any() else 0.0
        again = ", taken again" if i and t == run.t[i - 1] else ""
        texts.append(
            f"Step {i + 1} of {planned}{again}: of the part that is known it makes a guess too, {error:.2f} off "
            "(root mean square), which is put right before the step is taken."
        )
    return texts


def _stage(layout: float, detail: float) -> str:
    if layout < 0.35:
        return "hardly anything is decided yet"
    if layout < 0.75:
        return "colours and outline are forming, details are still smeared"
    if detail < 0.5:
        return "the layout stands, the details are still being worked out"
    if detail < 0.9:
        return "the layout is done, edges and small parts are sharpening"
    return "only the last traces of noise are left to clear"


def forward_captions(alpha: np.ndarray, sigma: np.ndarray, steps: np.ndarray, total: int) -> list[str]:
    """Captions of a forward trajectory: alpha and sigma (F,), and the step number of each frame."""
    texts = []
    for a, s, k in zip(alpha, sigma, steps, strict=True):
        if k == 0:
            texts.append("The clean picture. Nothing has been added yet.")
            continue
        ratio = a / max(s, 1e-12)
        if ratio > 3:
            what = "a little grain, everything can still be seen"
        elif ratio > 1:
            what = "heavy grain, but the picture is the stronger of the two"
        elif ratio > 0.3:
            what = "more noise than picture: only the outline can be guessed"
        elif ratio > 0.03:
            what = "a trace of the colours at most"
        else:
            what = "static: nothing of the picture can be seen"
        texts.append(f"Step {k} of {total}: {a:.2f} × picture + {s:.2f} × noise. You see {what}.")
    return texts
