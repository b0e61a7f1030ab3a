"""Pictures side by side: to look at (`row`), or to choose one of by click or keyboard (`pick`)."""

from __future__ import annotations

import base64
import functools
import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.components import v2

from diffviz.pipelines.trajectory import encode_png
from diffviz.ui.cache import by_content

_HERE = Path(__file__).parent
SIDE = 96  # CSS pixels of a picture


def data_uri(picture: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 as something an <img> can show without asking the server."""
    return f"data:image/png;base64,{base64.b64encode(encode_png(picture)).decode()}"


_kept_uri = by_content(data_uri)  # what stands on a page is asked for at every rerun


def side_of(picture: np.ndarray, wanted: int) -> int:
    """The whole multiple of a picture's side that is nearest to `wanted` CSS pixels: pixels stay square."""
    return picture.shape[0] * max(1, int(wanted / picture.shape[0] + 0.5))


@functools.cache
def _css() -> str:
    return (_HERE / "gallery.css").read_text(encoding="utf-8")


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_gallery",
        html='<div class="dv-gallery" role="group"></div>',
        css=_css(),
        js=(_HERE / "gallery.js").read_text(encoding="utf-8"),
    )


def row(
    pictures: Sequence[np.ndarray],
    titles: Sequence[str],
    notes: Sequence[str],
    wanted: int = SIDE,
    fill: int = 0,
) -> str:
    """HTML of pictures (H, W, 3) uint8 in a row that wraps, each with a title and a note.

    With `fill` they are as large as so many fit side by side, at most half as tall as the window, and smoothed.
    """
    cells = "".join(
        f'<figure><img alt="{html.escape(title)}" src="{_kept_uri(p)}"><figcaption><b>{html.escape(title)}</b>'
        f"<small>{html.escape(note)}</small></figcaption></figure>"
        for p, title, note in zip(pictures, titles, notes, strict=True)
    )
    side = side_of(pictures[0], wanted) if len(pictures) else wanted
    if fill:
        narrow = fill if fill < 3 else 2 if fill == 4 else 3
        shown = f'<div class="dv-gallery fill" style="--n:{fill};--narrow:{narrow}">{cells}</div>'
        return f'<style>{_css()}</style><div class="dv-gallery-room">{shown}</div>'
    return f'<style>{_css()}</style><div class="dv-gallery" style="--side:{side}px">{cells}</div>'


def pick(
    pictures: Sequence[np.ndarray],
    titles: Sequence[str],
    notes: Sequence[str],
    *,
    label: str,
    key: str,
    picked: int | None = None,
    turn: int = 0,
    wanted: int = SIDE,
    together: bool = False,
) -> int | None:
    """Show pictures as buttons; returns the index the visitor chose in this `turn`, or None.

    `picked` is drawn as chosen; None draws none so. A new `turn` forgets the choice made in the one before.
    `together` keeps them in one row whatever the width of the screen.
    """
    result = _component()(
        data={
            "pictures": [
                {"src": _kept_uri(p), "title": t, "note": n}
                for p, t, n in zip(pictures, titles, notes, strict=True)
            ],
            "side": side_of(pictures[0], wanted),
            "pixels": pictures[0].shape[0],
            "together": together,
            "label": label,
            "picked": picked,
            "turn": turn,
        },
        default={"pick": None},
        key=key,
        on_pick_change=lambda: None,
    )
    chosen = result.pick
    if not isinstance(chosen, dict) or chosen.get("turn") != turn:
        return None
    index = chosen.get("index")
    return index if isinstance(index, int) and 0 <= index < len(pictures) else None
