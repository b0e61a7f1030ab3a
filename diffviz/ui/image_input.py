"""The image a page works on: a sample, an upload, or a drawing; kept from page to page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from diffviz.imaging import samples, uploads
from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.ui.cache import by_content
from diffviz.ui.components.sketchpad import SIDE, put, sketchpad
from diffviz.ui.controls import Controls

SIZE = 64
KINDS = {"sample": "Sample", "upload": "Upload", "draw": "Draw"}
FORMERLY = {"Ours": "sample", "Yours": "upload"}  # titles of the kinds in earlier links
_KEPT = "picture-upload"  # in the session: (id of the file, what became of it)
_UPLOADER = "uploaded-file"


@dataclass(frozen=True)
class Picture:
    """An image to work on: (S, S, 3) uint8, with the label and the style if it is one of the samples.

    `at` gives it at another size, from what it was made of.
    """

    pixels: np.ndarray
    label: str = ""
    style: str = ""
    at: Callable[[int], np.ndarray] | None = None

    def of(self, model: str) -> np.ndarray:
        """The image at the size of a network's images: no sharper image is enlarged than there is."""
        size = checkpoints.load(model).image_size
        if self.at is not None and size > len(self.pixels):
            return self.at(size)
        return at_size(self.pixels, size)


@by_content
def at_size(pixels: np.ndarray, size: int) -> np.ndarray:
    """An image (H, W, 3) uint8 at another size."""
    return uploads.resize(Image.fromarray(pixels), size)


def choose(c: Controls, size: int = SIZE) -> Picture:
    """The image to work on, of `size` pixels a side: a sample, an upload, or a drawing."""
    kind = c.choice(
        "Image", "picture", tuple(KINDS), "sample", KINDS, segmented=True, formerly=FORMERLY, width="stretch"
    )
    if kind == "sample":
        return shipped(c, size)
    mine = _uploaded() if kind == "upload" else _drawn()
    if mine is not None:
        return Picture(mine(size), at=mine)
    first = samples.records(size)[0]
    st.caption(f"Until then: {first['label']}.")
    return _open(first, size)


def _open(record: dict[str, str], size: int) -> Picture:
    at = partial(samples.pixels, record["file"])
    return Picture(at(size), record["label"], record["style"], at)


def shipped(c: Controls, size: int, key: str = "sample", label: str = "Sample", first: int = 0) -> Picture:
    """One of the samples, of `size` pixels a side; number `first` is the default."""
    records = samples.records(size)
    names = [f"{r['label']} ({r['style']})" for r in records]
    name = c.choice(label, key, names, names[first])
    record = records[names.index(name)]
    with st.container(key=f"attribution-{key}"):  # the last line of the strip (theme.py)
        st.caption(record["attribution"])
    return _open(record, size)


def _uploaded() -> Callable[[int], np.ndarray] | None:
    """The visitor's image at a size in pixels, where there is one."""
    file = st.file_uploader(
        "A PNG, JPEG or WebP of up to 10 MB",
        type=["png", "jpg", "jpeg", "webp"],
        key=_UPLOADER,
        on_change=_changed,
    )
    kept = st.session_state.get(_KEPT)
    if file is not None and (kept is None or kept[0] != file.file_id):
        # Decoded once, and kept beside the widget, so that a visit to another page does not lose it.
        kept = st.session_state[_KEPT] = (file.file_id, _decoded(file.getvalue()))
    if kept is None:
        return None
    picture = kept[1]
    if isinstance(picture, str):
        st.error(picture, icon=":material/broken_image:")
        return None
    for remark in picture.remarks:
        st.caption(remark)
    zoom = st.slider("Zoom", 1.0, 6.0, 1.0, 0.1, key="crop-zoom", persist_state="session")
    across = st.slider("Left to right", 0.0, 1.0, 0.5, 0.01, key="crop-across", persist_state="session")
    down = st.slider("Top to bottom", 0.0, 1.0, 0.5, 0.01, key="crop-down", persist_state="session")
    box = uploads.crop(picture.image, zoom, across, down)
    st.image(_with_frame(picture.image, box), caption="The square in the frame is used", width="stretch")
    return lambda size: uploads.resize(picture.image, size, box)


def _changed() -> None:
    """Forget the image when its file is removed, which a visit to another page does not do."""
    if st.session_state.get(_UPLOADER) is None:
        st.session_state.pop(_KEPT, None)


def _decoded(data: bytes) -> uploads.Upload | str:
    """The image in a file, or what is wrong with it."""
    try:
        return uploads.read(data)
    except uploads.UploadError as problem:
        return str(problem)


def _with_frame(picture: Image.Image, box: tuple[int, ...]) -> Image.Image:
    shown = picture.copy()
    shown.thumbnail((360, 360))
    scale = shown.width / picture.width
    pen = ImageDraw.Draw(shown)
    square = [round(v * scale) for v in box]
    pen.rectangle([square[0], square[1], square[2] - 1, square[3] - 1], outline="white", width=3)
    pen.rectangle([square[0] + 1, square[1] + 1, square[2] - 2, square[3] - 2], outline="black", width=1)
    return shown


def _drawn() -> Callable[[int], np.ndarray] | None:
    """The visitor's drawing at a size in pixels, where there is one."""
    names = [path.stem for path in _sketches()]
    st.pills("Start from a sketch", names, key="sketch-idea", on_change=_take_sketch)
    drawing = sketchpad()
    if drawing is None:
        st.caption("Draw something: it is used as soon as you lift the pen.")
        return None
    return lambda size: np.kron(drawing, np.ones((size // SIDE, size // SIDE, 1), np.uint8))


def _sketches() -> list[Path]:
    return sorted((ASSETS / "sketches").glob("*.png"))


def _take_sketch() -> None:
    name = st.session_state["sketch-idea"]
    if name:
        with Image.open(ASSETS / "sketches" / f"{name}.png") as picture:
            put(np.asarray(picture.convert("RGB")))
        st.session_state["sketch-idea"] = None
