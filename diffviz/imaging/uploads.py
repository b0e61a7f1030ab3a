"""Images from outside: decoded within limits, or refused with one sentence."""

from __future__ import annotations

import io
import math
import struct
import threading
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000  # a 24-megapixel photograph is welcome; 40 is past any camera a learner has
MAX_SIDE = 1024  # what is kept of a larger one: six times the side of our networks' images at a zoom of 2
FORMATS = {"PNG", "JPEG", "MPO", "WEBP"}  # an MPO is a JPEG with others after it, as many cameras make them
BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")
BROKEN = "The file breaks off or is damaged: save the image again and retry."
NO_PICTURE = "This file is not an image, whatever its name says: use a PNG, JPEG or WebP."


# One at a time: the pixels of the largest one, and a copy of them, fill some 300 MB until it is reduced.
_DECODING = threading.Lock()
_ORIENTATION = 0x0112  # the EXIF tag
_UNREADABLE = (
    struct.error,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    SyntaxError,
    OSError,
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


class UploadError(ValueError):
    """A file that cannot be used; the message is one sentence for the person who chose it."""


@dataclass(frozen=True)
class Upload:
    """An image as RGB on white, and remarks on what had to be done to it."""

    image: Image.Image
    remarks: tuple[str, ...] = ()


def read(data: bytes) -> Upload:
    """The image in a PNG, JPEG or WebP file of up to 10 MB.

    Reduced to at most MAX_SIDE pixels a side, turned upright by its EXIF tag, laid on white where it is see-through,
    brought to 8-bit RGB; of an animation the first frame is taken. Raises UploadError otherwise; what would unpack to
    more than MAX_PIXELS is not unpacked.
    """
    if not data:
        raise UploadError("The file is empty: choose another image.")
    if len(data) > MAX_BYTES:
        raise UploadError(f"The file is {len(data) / 1e6:.0f} MB: images of up to 10 MB can be used.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we set our own limit below
            picture = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise UploadError("The image would unpack to far too many pixels: it was not opened.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        # Something that begins like an image is an image that broke; anything else never was one.
        raise UploadError(BROKEN if data.startswith(BEGINNINGS) else NO_PICTURE) from error
    if picture.format not in FORMATS:
        raise UploadError(f"This is a {picture.format} file: use a PNG, JPEG or WebP.")
    if picture.width * picture.height > MAX_PIXELS:
        raise UploadError(
            f"The image unpacks to {picture.width} × {picture.height} pixels: up to 40 million can be used."
        )
    if min(picture.size) < 2:
        raise UploadError("The image is a single line of pixels: choose a larger one.")
    if math.ceil(min(picture.size) / _factor(picture)) < 2:
        raise UploadError("The image is too narrow for its length: choose one whose sides are more alike.")
    with _DECODING:
        return _decode(picture)


def _decode(picture: Image.Image) -> Upload:
    remarks = []
    if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
        remarks.append("It is an animation: its first frame is used.")
        picture.seek(0)
    if picture.mode == "CMYK":
        remarks.append("Its print colours (CMYK) were turned into screen colours.")
    try:
        picture.draft(None, (MAX_SIDE, MAX_SIDE))  # a JPEG is unpacked at a half, a quarter or an eighth
        picture.load()
        return Upload(rgb_on_white(_reduce(picture)), tuple(remarks))
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UploadError(BROKEN) from error


def _reduce(picture: Image.Image) -> Image.Image:
    """An image at a whole fraction of its size, by area averaging, so that no side is longer than MAX_SIDE."""
    factor = _factor(picture)
    if factor == 1:
        return picture
    turned = _orientation(picture)
    if _is_deep(picture):
        small = _reduce_deep(picture, factor)
    elif _is_clear(picture):
        # With the colours weighted by their opacity: those of clear pixels count for nothing.
        small = picture.convert("RGBA").convert("RGBa").reduce(factor).convert("RGBA")
    else:
        small = (picture.convert("RGB") if picture.mode in ("P", "1") else picture).reduce(factor)
    small.info.pop("exif", None)
    small.getexif()[_ORIENTATION] = turned
    return small


def _factor(picture: Image.Image) -> int:
    return math.ceil(max(picture.size) / MAX_SIDE)


def _reduce_deep(picture: Image.Image, factor: int) -> Image.Image:
    values, white = _deep_values(picture)
    means = [
        # A row at a time; the last one, and the last of each row, may be of fewer pixels.
        np.add.reduceat(values[y : y + factor].mean(0, dtype=np.float64), range(0, values.shape[1], factor))
        for y in range(0, values.shape[0], factor)
    ]
    widths = np.diff([*range(0, values.shape[1], factor), values.shape[1]])
    return Image.fromarray((np.stack(means) / widths * (255 / white)).astype(np.float32))


def _deep_values(picture: Image.Image) -> tuple[np.ndarray, int]:
    """The values (H, W) of a deep image and that of white, which its transparent colour has."""
    values = np.asarray(picture)
    # What has 32 bits a value does not say what white is.
    white = 65535 if picture.mode.startswith("I;16") or values.max() > 255 else 255
    clear = picture.info.get("transparency")
    return (values if clear is None else np.where(values == clear, values.dtype.type(white), values)), white


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def _is_clear(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def _orientation(picture: Image.Image) -> int:
    try:
        return picture.getexif().get(_ORIENTATION, 1)
    except _UNREADABLE:
        return 1  # tags that cannot be read say nothing; the image may be sound all the same


def upright(picture: Image.Image) -> Image.Image:
    """An image turned as its EXIF tag says; the result has no such tag."""
    turn = _TURNS.get(_orientation(picture))
    if turn is None:
        return picture
    # Not by Pillow's `exif_transpose`, which writes all tags anew, and fails on one of a wrong type.
    turned = picture.transpose(turn)
    turned.info = {name: value for name, value in picture.info.items() if name == "transparency"}
    return turned


def rgb_on_white(picture: Image.Image) -> Image.Image:
    """An image of any mode, upright by its EXIF tag, in 8-bit RGB; what is see-through lies on white."""
    picture = upright(picture)
    if _is_deep(picture):
        # 16-bit greys: Pillow's own conversion would cut everything above 255 to white.
        values, white = _deep_values(picture)
        return Image.fromarray(np.rint(values / white * 255).clip(0, 255).astype(np.uint8)).convert("RGB")
    if _is_clear(picture):
        clear = picture.convert("RGBA")
        ground = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(ground, clear).convert("RGB")
    return picture.convert("RGB")


def crop(picture: Image.Image, zoom: float = 1.0, across: float = 0.5, down: float = 0.5) -> Box:
    """The square (left, top, right, bottom) cut out at this zoom (1 = as large as fits) and place (0 to 1)."""
    side = max(2, round(min(picture.size) / max(zoom, 1.0)))
    left = round((picture.width - side) * min(max(across, 0.0), 1.0))
    top = round((picture.height - side) * min(max(down, 0.0), 1.0))
    return left, top, left + side, top + side


def resize(picture: Image.Image, size: int, box: Box | None = None) -> np.ndarray:
    """The square `box` of an image at size × size by area averaging: (size, size, 3) uint8."""
    part = picture.convert("RGB").crop(box) if box else picture.convert("RGB")
    return np.asarray(part.resize((size, size), Image.Resampling.BOX))


def mask(marked: Image.Image | np.ndarray) -> np.ndarray:
    """What is marked in an image or an array (H, W), as bools (H, W): all that is not 0.

    Of an image that is every pixel with a channel that is not 0, unless it is wholly transparent. Raises ValueError for
    an array of another shape or kind, for one with NaN, and for an image in LAB.
    """
    if isinstance(marked, Image.Image):
        picture = upright(marked)
        if _is_deep(picture):  # Pillow's conversion would lose the transparent colour
            values = np.asarray(picture)
            return (values != 0) & (values != picture.info.get("transparency", 0))
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            *colours, alpha = np.moveaxis(np.asarray(picture.convert("RGBA")), -1, 0)
            return np.asarray(colours).any(0) & (alpha > 0)
        if picture.mode == "LAB":
            raise ValueError("a mask in the colours of LAB cannot be read: convert it to RGB")
        # In these black is not all zeros, or is not alone in being so.
        unlike = picture.mode in ("P", "CMYK", "YCbCr", "HSV")
        values = np.asarray(picture.convert("RGB") if unlike else picture)
        return np.asarray(values.any(-1) if values.ndim == 3 else values != 0)
    values = np.asarray(marked)
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "biuf":
        raise ValueError(
            f"a mask must be an array (H, W) of numbers, not {values.dtype} of shape {values.shape}"
        )
    if np.isnan(values).any():
        raise ValueError("a mask must be of numbers: this one has NaN in it")
    return values != 0


def cover(marks: np.ndarray, size: int) -> np.ndarray:
    """The middle square of marks (H, W) at size × size, 1 where any part of a pixel is marked: uint8."""
    side = min(marks.shape)
    top, left = (round((length - side) / 2) for length in marks.shape)  # as `crop` places it
    part = marks[top : top + side, left : left + side] != 0
    # Pixel i of the result spans i to i + 1 times side / size. Pillow counts a pixel whose middle lies in that alone.
    starts, ends = np.arange(size) * side // size, -(-np.arange(1, size + 1) * side // size)
    for _ in range(2):  # the rows, and then, turned, the columns
        before = np.pad(part.cumsum(0, dtype=np.int32), ((1, 0), (0, 0)))
        part = (before[ends] > before[starts]).T
    return part.astype(np.uint8)
