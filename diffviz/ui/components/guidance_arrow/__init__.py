"""The guided prediction as an arrow: from the unconditional prediction through the conditional one, as far as the scale.

The two predictions of every step are sent once. The browser computes x0_hat(∅) + w (x0_hat(c) - x0_hat(∅)), clipped to
[-1, 1], for any w while the arrow's head is dragged; what is computed there is what `diffusion.guidance` computes, to
the rounding of the 16 bits that the predictions are sent with.

Predictions of latents have to be decoded, which a browser cannot: they are decoded here at several w, and the one
nearest to the arrow's head is shown, with the w that it is of.
"""

from __future__ import annotations

import functools
import json
import math
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from streamlit.components import v2

from diffviz.analysis.guidance_analysis import CLIP_TOLERANCE
from diffviz.pipelines.trajectory import sprite_sheet
from diffviz.ui.cache import by_content
from diffviz.ui.components.gallery import kept_url

_HERE = Path(__file__).parent
LARGEST = 32767  # of a 16-bit integer


class Decoded(NamedTuple):
    """Guided predictions of latents as images (steps, N, H, W, 3) uint8, at N rising `scales` that include 0 and 1."""

    scales: Sequence[float]
    images: np.ndarray


def pack_decoded(decoded: Decoded, **header: object) -> bytes:
    """The payload of decoded predictions: header length, header (JSON), then all images as one sprite sheet (PNG).

    Image k of step i is frame i N + k of the sheet (`pipelines.trajectory.sprite_sheet`). Raises ValueError for scales
    that do not rise or lack 0 or 1, or are not as many as the images of a step.
    """
    scales, (steps, n, height, width, _) = list(decoded.scales), decoded.images.shape
    if len(scales) != n or scales != sorted(set(scales)) or not {0.0, 1.0} <= set(scales):
        raise ValueError(
            f"rising scales with 0 and 1, one for each of {n} images a step, please, not {scales}"
        )
    head = {
        **header,
        "steps": steps,
        "size": [height, width],
        "scales": scales,
        "columns": math.ceil(math.sqrt(steps * n)),
    }
    raw = json.dumps(head, ensure_ascii=False).encode()
    sheet = _sheet(decoded.images.reshape(steps * n, height, width, 3))
    return struct.pack("<I", len(raw)) + raw + sheet


_sheet = by_content(sprite_sheet)


def pack(cond: np.ndarray, uncond: np.ndarray, **header: object) -> bytes:
    """The payload: header length (4 bytes), header (JSON), then both predictions (steps, C, H, W) as 16-bit integers.

    The header's `unit` is the value of one: at most 1/32767 for predictions in [-1, 1], so that a value extrapolated to
    w = 10 is wrong by less than 0.0004, a twentieth of a level of 8 bits. Raises ValueError for other shapes.
    """
    if cond.shape != uncond.shape or cond.ndim != 4 or cond.shape[1] != 3:
        raise ValueError(f"two predictions (steps, 3, H, W), please, not {cond.shape} and {uncond.shape}")
    steps, _, height, width = cond.shape
    unit = max(1.0, float(np.abs(cond).max()), float(np.abs(uncond).max())) / LARGEST
    raw = json.dumps(
        {**header, "steps": steps, "size": [height, width], "unit": unit, "tolerance": CLIP_TOLERANCE},
        ensure_ascii=False,
    ).encode()
    values = [np.rint(part / unit).astype("<i2").tobytes() for part in (uncond, cond)]
    return struct.pack("<I", len(raw)) + raw + b"".join(values)


@functools.cache
def _component() -> Callable[..., Any]:
    html, css, js = (
        (_HERE / f"guidance_arrow.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    return v2.component("diffviz_guidance_arrow", html=html, css=css, js=js)


def show(
    predictions: tuple[np.ndarray, np.ndarray] | Decoded,
    readouts: Sequence[str],
    *,
    scale: float,
    finished: np.ndarray,
    run: str,
    start: int,
    key: str,
    on_release: Callable[[float], None],
    locked: bool = False,
) -> None:
    """Show the arrow over the predictions of one trajectory that was sampled with `scale`.

    `predictions` are the conditional and the unconditional ones (steps, 3, H, W), or the decoded ones of latents.

    `finished` is its final image (H, W, 3) uint8, `start` the step shown first. `run` names what the trajectory was
    sampled from but the scale: while it is the same, the step that the learner chose stays. `on_release` is called with
    the scale at which the head was let go, a multiple of 0.5 from 1 to 10. `locked` holds the guided prediction back.
    """

    def released() -> None:
        chosen = st.session_state[key].get("released")
        if isinstance(chosen, int | float) and 1 <= chosen <= 10:
            on_release(float(chosen))

    header = {
        "readouts": list(readouts),
        "scale": scale,
        "finished": kept_url(finished),
        "run": run,
        "start": start,
        "locked": locked,
    }
    decoded = isinstance(predictions, Decoded)
    data = pack_decoded(predictions, **header) if decoded else pack(*predictions, **header)
    _component()(data=data, key=key, on_released_change=released)
