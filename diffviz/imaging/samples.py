"""The sample images that ship: what there is, with its attribution, and its pixels at a size."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
from PIL import Image

from diffviz.imaging import uploads
from diffviz.paths import ASSETS

FOLDER = ASSETS / "samples"
SIZES = {64: FOLDER, 128: FOLDER / "128"}  # pixels a side -> where the images of this size are


@functools.cache
def records(size: int = 64) -> tuple[dict[str, str], ...]:
    """`file`, `label`, `style`, `hexcode` and `attribution` of each image that is offered at `size` pixels a side."""
    return tuple(json.loads((_folder(size) / "attribution.json").read_text(encoding="utf-8")))


@functools.lru_cache(maxsize=64)
def pixels(file: str, size: int = 64) -> np.ndarray:
    """An image by its `file`, at `size` pixels a side: (size, size, 3) uint8, read-only as it is read once for all."""
    with Image.open(_folder(size) / file) as image:
        found = uploads.resize(image, size)
    found.setflags(write=False)
    return found


def _folder(size: int) -> Path:
    """The smallest images that need not be enlarged, or the largest there are."""
    return SIZES[min((s for s in SIZES if s >= size), default=max(SIZES))]
