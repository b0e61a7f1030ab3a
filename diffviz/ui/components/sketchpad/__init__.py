"""A 32 × 32 pad, to draw on or to mark a part of an image; what is on it survives reruns and visits to other pages."""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from streamlit.components import v2

from diffviz.ui.components.gallery import image_url

_HERE = Path(__file__).parent
SIDE = 32
KEYS = "Arrow keys move, space paints, Delete clears a pixel."
WHITE = "#ffffff"
COLOURS = {
    "black": "#1b1b1f",
    "grey": "#8a8f98",
    "white": WHITE,
    "brown": "#8d5524",
    "red": "#e03131",
    "orange": "#f08c00",
    "yellow": "#ffd43b",
    "green": "#2f9e44",
    "light blue": "#74c0fc",
    "blue": "#1c5fd0",
    "purple": "#8e44ad",
    "pink": "#f783ac",
}
MARK = "rgba(240, 0, 140, 0.7)"


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_sketchpad",
        html=(_HERE / "sketchpad.html").read_text(encoding="utf-8"),
        css=(_HERE / "sketchpad.css").read_text(encoding="utf-8"),
        js=(_HERE / "sketchpad.js").read_text(encoding="utf-8"),
    )


def decode(pixels: str | None) -> np.ndarray | None:
    """Base64 of RGBA bytes -> (32, 32, 4) uint8; None for nothing, or for anything that is not from the pad."""
    try:
        raw = base64.b64decode(pixels or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return None
    if len(raw) != SIDE * SIDE * 4:
        return None
    return np.frombuffer(raw, np.uint8).reshape(SIDE, SIDE, 4)


def _pad(key: str, **data: object) -> np.ndarray | None:
    kept, turn = f"{key}-pixels", f"{key}-turn"
    data |= {"pixels": st.session_state.get(kept), "turn": st.session_state.setdefault(turn, 0)}
    result = _component()(
        data=data,
        default={"pixels": data["pixels"]},
        key=f"{key}-{data['turn']}",
        on_pixels_change=lambda: None,
    )
    if result.pixels:
        st.session_state[kept] = result.pixels
    return decode(st.session_state.get(kept))


def put(image: np.ndarray, key: str = "sketch") -> None:
    """Put an image (32, 32, 3) uint8 on the pad, in place of what is there."""
    opaque = np.dstack([image, np.full((SIDE, SIDE), 255, np.uint8)])
    st.session_state[f"{key}-pixels"] = base64.b64encode(opaque.tobytes()).decode()
    st.session_state[f"{key}-turn"] = st.session_state.get(f"{key}-turn", 0) + 1


def sketchpad(key: str = "sketch") -> np.ndarray | None:
    """Show the pad; returns the drawing as (32, 32, 3) uint8, or None before the first stroke."""
    drawn = _pad(
        key, colours=list(COLOURS.items()), paper=WHITE, label=f"Drawing pad, 32 by 32 pixels. {KEYS}"
    )
    return None if drawn is None else drawn[:, :, :3]


def marker(image: np.ndarray, key: str = "mark", large: bool = False) -> np.ndarray | None:
    """Show an image (H, W, 3) uint8 to be marked on; returns the marks, (32, 32) bool, or None before the first.

    A `large` one grows with the window.
    """
    marked = _pad(
        key,
        colours=[("Mark", MARK), ("Unmark", None)],
        named=True,
        paper=None,
        large=large,
        background=image_url(image),
        label=f"Image to mark a part of, 32 by 32 pixels. {KEYS}",
    )
    return None if marked is None or not marked[:, :, 3].any() else marked[:, :, 3] > 0
