"""The picture a page works on: one of ours, an upload, or a drawing; kept from page to page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from diffviz.imaging import uploads
from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.ui.components.sketchpad import SIDE, put, sketchpad
from diffviz.ui.controls import Controls

SIZE = 64
KINDS = {"sample": "Ours", "upload": "Yours", "draw": "Draw"}
_KEPT = "picture-upload"


@dataclass(frozen=True)
class Picture:
    """A picture to work on: (S, S, 3) uint8, with the label and the style of the drawing if it is one of ours."""

    pixels: np.ndarray
    label: str = ""
    style: str = ""


def _folder(size: int) -> Path:
    """Where the shipped images are that are large enough for `size` pixels a side."""
    return ASSETS / "samples" / ("" if size <= SIZE else "128")


@st.cache_data(show_spinner=False)
def _samples(size: int = SIZE) -> list[dict]:
    return json.loads((_folder(size) / "attribution.json").read_text(encoding="utf-8"))


def at_size(pixels: np.ndarray, model: str) -> np.ndarray:
    """A picture (H, W, 3) uint8 at the size of a network's pictures."""
    return uploads.resize(Image.fromarray(pixels), checkpoints.load(model).picture_size)


def choose(c: Controls, size: int = SIZE) -> Picture:
    """The picture to work on, of `size` pixels a side: a shipped one, the visitor's own, or a drawing."""
    kind = c.choice("Picture", "picture", tuple(KINDS), "sample", KINDS, segmented=True, width="stretch")
    if kind == "sample":
        return shipped(c, size)
    mine = _uploaded(size) if kind == "upload" else _drawn(size)
    if mine is not None:
        return Picture(mine)
    first = _samples(size)[0]
    st.caption(f"Until then: {first['label']}.")
    return _open(first, size)


def _open(record: dict, size: int) -> Picture:
    with Image.open(_folder(size) / record["file"]) as picture:
        return Picture(uploads.resize(picture, size), record["label"], record["style"])


def shipped(c: Controls, size: int, key: str = "sample", label: str = "Which one", first: int = 0) -> Picture:
    """One of the shipped images, of `size` pixels a side; the first choice is number `first`."""
    records = _samples(size)
    names = [f"{r['label']} ({r['style']})" for r in records]
    name = c.choice(label, key, names, names[first])
    record = records[names.index(name)]
    st.caption(record["attribution"])
    return _open(record, size)


def _uploaded(size: int) -> np.ndarray | None:
    file = st.file_uploader("A PNG, JPEG or WebP of up to 10 MB", type=["png", "jpg", "jpeg", "webp"])
    if file is not None:
        # Kept beside the widget, so that a visit to another page does not lose it.
        st.session_state[_KEPT] = file.getvalue()
    data = st.session_state.get(_KEPT)
    if data is None:
        return None
    try:
        picture = uploads.read(data)
    except uploads.UploadError as problem:
        st.error(str(problem), icon=":material/broken_image:")
        return None
    for remark in picture.remarks:
        st.caption(remark)
    zoom = st.slider("Zoom", 1.0, 6.0, 1.0, 0.1, key="crop-zoom", persist_state="session")
    across = st.slider("Left to right", 0.0, 1.0, 0.5, 0.01, key="crop-across", persist_state="session")
    down = st.slider("Top to bottom", 0.0, 1.0, 0.5, 0.01, key="crop-down", persist_state="session")
    box = uploads.crop(picture.image, zoom, across, down)
    st.image(_with_frame(picture.image, box), caption="The square that is used", width="stretch")
    return uploads.resize(picture.image, size, box)


def _with_frame(picture: Image.Image, box: tuple[int, ...]) -> Image.Image:
    shown = picture.copy()
    shown.thumbnail((360, 360))
    scale = shown.width / picture.width
    pen = ImageDraw.Draw(shown)
    square = [round(v * scale) for v in box]
    pen.rectangle([square[0], square[1], square[2] - 1, square[3] - 1], outline="white", width=3)
    pen.rectangle([square[0] + 1, square[1] + 1, square[2] - 2, square[3] - 2], outline="black", width=1)
    return shown


def _drawn(size: int) -> np.ndarray | None:
    names = [path.stem for path in _sketches()]
    st.pills("Begin with a sketch of ours", names, key="sketch-idea", on_change=_take_sketch)
    drawing = sketchpad()
    if drawing is None:
        st.caption("Draw something: it is used as soon as you lift the pen.")
        return None
    return np.kron(drawing, np.ones((size // SIDE, size // SIDE, 1), np.uint8))


def _sketches() -> list[Path]:
    return sorted((ASSETS / "sketches").glob("*.png"))


def _take_sketch() -> None:
    name = st.session_state["sketch-idea"]
    if name:
        with Image.open(ASSETS / "sketches" / f"{name}.png") as picture:
            put(np.asarray(picture.convert("RGB")))
        st.session_state["sketch-idea"] = None
