"""The blocks of a U-Net drawn as a U, with lines for its skip connections; a click or a key chooses a block."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from streamlit.components import v2

from diffviz.ui.components.gallery import kept_url

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Box:
    """A block: its name, its side of the U ("down", "middle" or "up"), its level from the top, and two lines of text."""

    name: str
    side: str
    level: int
    shape: str
    cost: str


@dataclass(frozen=True)
class Skip:
    """A skip connection from one block to another, by name, and what stands on its line."""

    source: str
    target: str
    label: str


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_unet_diagram",
        html='<div class="dv-u" role="group"></div>',
        css=(_HERE / "unet_diagram.css").read_text(encoding="utf-8"),
        js=(_HERE / "unet_diagram.js").read_text(encoding="utf-8"),
    )


def _picked(key: str, names: frozenset[str], on_pick: Callable[[str], None]) -> None:
    """Read the name that the browser sent, and pass it on if it is one of a block."""
    sent = st.session_state[key].get("pick")
    if isinstance(sent, str) and sent in names:
        on_pick(sent)


def show(
    boxes: Sequence[Box],
    skips: Sequence[Skip],
    images: Mapping[str, np.ndarray],
    chosen: str,
    key: str,
    label: str,
    on_pick: Callable[[str], None],
) -> None:
    """Draw the U. `boxes` come in the order of evaluation; `images` (H, W, 3) uint8 are by the name of their block.

    `on_pick` is called with the name of the block that was chosen, before the page runs again.
    """
    data = {
        "boxes": [asdict(box) | {"image": kept_url(images[box.name])} for box in boxes],
        "skips": [asdict(skip) for skip in skips],
        "chosen": chosen,
        "label": label,
    }
    names = frozenset(box.name for box in boxes)
    _component()(data=data, key=key, on_pick_change=lambda: _picked(key, names, on_pick))
