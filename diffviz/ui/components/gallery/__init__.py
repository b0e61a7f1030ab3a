"""Images side by side: to look at (`row`), or to choose one of by click or keyboard (`pick`)."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.components import v2

from diffviz.imaging.encoding import data_url, encode_png
from diffviz.ui.cache import by_content

_HERE = Path(__file__).parent
SIDE = 96  # CSS pixels of an image


def image_url(image: np.ndarray) -> str:
    """An image (H, W, 3) uint8 as something an <img> can show without asking the server."""
    return data_url(encode_png(image))


kept_url = by_content(image_url)  # what stands on a page is asked for at every rerun


def side_of(image: np.ndarray, wanted: int) -> int:
    """The whole multiple of an image's side that is nearest to `wanted` CSS pixels: pixels stay square."""
    return image.shape[0] * max(1, int(wanted / image.shape[0] + 0.5))


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


def _cells(sources: Sequence[str], titles: Sequence[str], notes: Sequence[str]) -> str:
    return "".join(
        f'<figure><img alt="{html.escape(title)}" src="{source}"><figcaption><b>{html.escape(title)}</b>'
        f"<small>{html.escape(note)}</small></figcaption></figure>"
        for source, title, note in zip(sources, titles, notes, strict=True)
    )


def row_of_png(pngs: Sequence[bytes], titles: Sequence[str], notes: Sequence[str], wanted: int = SIDE) -> str:
    """As `row`, of images that are PNG files already, each `wanted` CSS pixels wide."""
    cells = _cells([data_url(png) for png in pngs], titles, notes)
    return f'<style>{_css()}</style><div class="dv-gallery" style="--side:{wanted}px">{cells}</div>'


def row(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    notes: Sequence[str],
    wanted: int = SIDE,
    fill: int = 0,
    together: bool = False,
) -> str:
    """HTML of images (H, W, 3) uint8 in a row that wraps, each with a title and a note.

    With `fill` they are as large as so many fit side by side, at most half as tall as the window, and smoothed.
    `together` keeps them in one row whatever the width of the screen, by whole multiples of their pixels.
    """
    cells = _cells([kept_url(p) for p in images], titles, notes)
    side = side_of(images[0], wanted) if len(images) else wanted
    if fill:
        narrow = fill if fill < 3 else 2 if fill == 4 else 3
        shown = f'<div class="dv-gallery fill" style="--n:{fill};--narrow:{narrow}">{cells}</div>'
        return f'<style>{_css()}</style><div class="dv-gallery-room">{shown}</div>'
    size = f"{side}px"
    if together and images:
        pixels = images[0].shape[1]
        size = (
            f"max({pixels}px, round(down, min({side}px, (100vw - 38px) / {len(images)} - 14px), {pixels}px))"
        )
    return f'<style>{_css()}</style><div class="dv-gallery" style="--side:{size}">{cells}</div>'


def pick(
    images: Sequence[np.ndarray],
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
    """Show images as buttons; returns the index the visitor chose in this `turn`, or None.

    `picked` is drawn as chosen; None draws none so. A new `turn` forgets the choice made in the one before.
    `together` keeps them in one row whatever the width of the screen.
    """
    result = _component()(
        data={
            "pictures": [
                {"src": kept_url(p), "title": t, "note": n}
                for p, t, n in zip(images, titles, notes, strict=True)
            ],
            "side": side_of(images[0], wanted),
            "pixels": images[0].shape[0],
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
    return index if isinstance(index, int) and 0 <= index < len(images) else None
