"""More training images from those there are: mirrored, and recoloured.

Both keep the caption true. A mirrored cat is a cat; a blue banana is captioned "blue banana", so that a colour
word learns to mean that colour whatever the thing. The combinations that the model card tests are never made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models.text_encoder import tokenize
from diffviz.training.prompts import NOVEL_24

# Mirrored, these would no longer be what their caption says, or would be written backwards.
ONE_SIDED_SUBGROUPS = (
    "hand",
    "time",
    "book-paper",
    "writing",
    "mail",
    "money",
    "music",
    "computer",
    "place-map",
)
ONE_SIDED_WORDS = ("left", "right", "moon", "quarter", "pointing", "button", "OK", "ABC", "numbers")

# Hue of each colour word, on Pillow's scale from 0 to 255.
HUES = {"red": 0, "orange": 20, "yellow": 38, "green": 85, "blue": 152, "purple": 194, "pink": 232}
COLOURS = frozenset(HUES) | {"black", "white", "brown", "grey", "gray", "rainbow", "gold", "golden", "silver"}
# An image has one colour when the hues of its coloured pixels point one way: the length of their mean direction.
ONE_COLOUR = 0.8
COLOURED = (60, 60)  # a pixel counts as coloured from this saturation and value on, of 255
VIVID = 100  # chroma, of 255, below which another hue gives another brown, not the colour that was asked for
MIN_COLOURED = 0.12  # share of coloured pixels below which there is nothing to repaint

_NOVEL = [set(tokenize(prompt)) for prompt, _ in NOVEL_24]


def mirrors(label: str, subgroup: str) -> bool:
    """Whether the mirror image of an image still fits its label."""
    return not subgroup.startswith(ONE_SIDED_SUBGROUPS) and not any(w in label for w in ONE_SIDED_WORDS)


def recolours(label: str) -> bool:
    """Whether an image of this label may get another colour: not where the label names one."""
    return not COLOURS & set(tokenize(label))


def in_colour(words: Sequence[str], colour: str) -> list[str] | None:
    """The caption of a recoloured image; None for a combination that the model card tests as new."""
    caption = [colour, *(w for w in words if w not in COLOURS)]
    return None if any(new <= set(caption) for new in _NOVEL) else caption


def _hsv(image: Tensor) -> np.ndarray:
    return np.array(Image.fromarray(to_uint8(image.numpy())).convert("HSV"))


def _main_hue(hsv: np.ndarray) -> float | None:
    coloured = (hsv[..., 1] > COLOURED[0]) & (hsv[..., 2] > COLOURED[1])
    if coloured.mean() < MIN_COLOURED or np.median(hsv[..., 1:][coloured].prod(-1, dtype=int)) < 255 * VIVID:
        return None
    mean = np.exp(2j * np.pi / 256 * hsv[..., 0][coloured].astype(float)).mean()
    return float(np.angle(mean) / (2 * np.pi) * 256 % 256) if abs(mean) >= ONE_COLOUR else None


def main_hue(image: Tensor) -> float | None:
    """The hue of an image (3, S, S) in [-1, 1] on the scale of HUES; None for several colours or hardly any."""
    return _main_hue(_hsv(image))


def recolour(image: Tensor, colour: str) -> Tensor | None:
    """Turn all hues of an image (3, S, S) in [-1, 1] so that its main one becomes `colour` (a key of HUES).

    White, grey and black stay. None where the image has several colours or hardly any.
    """
    hsv = _hsv(image)
    main = _main_hue(hsv)
    if main is None:
        return None
    hsv[..., 0] = (hsv[..., 0].astype(int) + round(HUES[colour] - main)) % 256
    painted = np.array(Image.fromarray(hsv, "HSV").convert("RGB"))
    return torch.from_numpy(from_uint8(painted))
