"""The guided prediction as an arrow: from the unconditional prediction through the conditional one, as far as the scale.

The two predictions of every step are sent once. The browser computes x0_hat(∅) + w (x0_hat(c) - x0_hat(∅)), clipped to
[-1, 1], for any w while the arrow's head is dragged; what is computed there is what `diffusion.guidance` computes, to
the rounding of the 16 bits that the predictions are sent with.
"""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from streamlit.components import v2

from diffviz.analysis.guidance_analysis import CLIP_TOLERANCE
from diffviz.ui.components.gallery import kept_uri

_HERE = Path(__file__).parent
LARGEST = 32767  # of a 16-bit integer


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
    cond: np.ndarray,
    uncond: np.ndarray,
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
    """Show the arrow over the predictions (steps, C, H, W) of one trajectory that was sampled with `scale`.

    `finished` is its final image (H, W, 3) uint8, `start` the step shown first. `run` names what the trajectory was
    sampled from but the scale: while it is the same, the step that the learner chose stays. `on_release` is called with
    the scale at which the head was let go, a multiple of 0.5 from 1 to 10. `locked` holds the guided prediction back.
    """

    def released() -> None:
        chosen = st.session_state[key].get("released")
        if isinstance(chosen, int | float) and 1 <= chosen <= 10:
            on_release(float(chosen))

    data = pack(
        cond, uncond, readouts=list(readouts), scale=scale, finished=kept_uri(finished), run=run, start=start, locked=locked
    )  # fmt: skip
    _component()(data=data, key=key, on_released_change=released)
