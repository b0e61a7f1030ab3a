"""The one scaling between pixel values, 0 to 255, and the range [-1, 1] that the networks work in."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np


class Numbers(Protocol):
    """A numpy array or a torch tensor: this module needs no torch."""

    def __truediv__(self, other: float, /) -> Any: ...


Array = TypeVar("Array", bound=Numbers)


def normalize(values: Array) -> Array:
    """Floats from 0 to 255, of any shape, to [-1, 1]."""
    return values / 127.5 - 1


def from_uint8(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [-1, 1]."""
    return normalize(np.moveaxis(pixels, -1, 0).astype(np.float32))


def to_uint8(images: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """(…, C, H, W) in [-scale, scale] -> (…, H, W, C) uint8; what lies outside is clipped."""
    level = np.clip((np.moveaxis(images, -3, -1) / scale + 1) * 127.5, 0, 255)
    return np.rint(level).astype(np.uint8)


def mosaic(images: np.ndarray) -> np.ndarray:
    """Four images (4, C, H, W) in [-1, 1] as one (2 H, 2 W, C) uint8, row by row."""
    a, b, c, d = to_uint8(images)
    return np.concatenate([np.concatenate([a, b], 1), np.concatenate([c, d], 1)], 0)
