"""A 32 × 32 drawing pad whose picture survives reruns and visits to other pages."""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

_HERE = Path(__file__).parent
SIDE = 32
_KEPT = "sketchpad-pixels"


@functools.cache
def _component() -> Callable[..., object]:
    return st.components.v2.component(
        "diffviz_sketchpad",
        html=(_HERE / "sketchpad.html").read_text(encoding="utf-8"),
        css=(_HERE / "sketchpad.css").read_text(encoding="utf-8"),
        js=(_HERE / "sketchpad.js").read_text(encoding="utf-8"),
    )


def decode(pixels: str | None) -> np.ndarray | None:
    """Base64 of RGB bytes -> (32, 32, 3) uint8; None for nothing, or for anything that is not a drawing."""
    try:
        raw = base64.b64decode(pixels or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return None
    if len(raw) != SIDE * SIDE * 3:
        return None
    return np.frombuffer(raw, np.uint8).reshape(SIDE, SIDE, 3)


def sketchpad(key: str = "sketch") -> np.ndarray | None:
    """Show the pad; returns the drawing as (32, 32, 3) uint8, or None before the first stroke."""
    kept = st.session_state.get(_KEPT)
    result = _component()(
        data={"pixels": kept}, default={"pixels": kept}, key=key, on_pixels_change=lambda: None
    )
    if result.pixels:
        st.session_state[_KEPT] = result.pixels
    return decode(st.session_state.get(_KEPT))
