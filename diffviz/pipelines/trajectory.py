"""A recorded sampling trajectory: every frame, and what can be made of them.

`Trajectory` holds plain arrays, so that it can be saved, plotted, or sent to a browser without torch.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from diffviz import __version__
from diffviz.imaging.encoding import encode_png
from diffviz.imaging.pixels import normalize, to_uint8

if TYPE_CHECKING:  # this module makes files of arrays: it must not cost a page the import of torch
    from diffviz.diffusion.samplers import Step
    from diffviz.diffusion.schedules import Schedule

PANELS = ("x", "x0", "eps")
Decode = Callable[[str, np.ndarray], np.ndarray]
MAX_ZOOM = 32
MAX_PIXELS = (
    500_000_000  # of all frames of an animation together: Pillow holds them in memory until they are written
)


def check_size(width: int, height: int, zoom: int, frames: int = 1) -> None:
    """Refuse an enlargement before anything is computed for it.

    Raises ValueError where `zoom` is not from 1 to MAX_ZOOM, or `frames` enlarged images of
    width × height pixels have more than MAX_PIXELS together.
    """
    if not isinstance(zoom, Integral) or zoom not in range(1, MAX_ZOOM + 1):
        raise ValueError(f"zoom must be a whole number from 1 to {MAX_ZOOM}, not {zoom}")
    pixels = width * height * zoom**2 * frames
    if pixels > MAX_PIXELS:
        raise ValueError(
            f"{frames} frames at zoom {zoom} have {pixels / 1e6:,.0f} million pixels, and {MAX_PIXELS / 1e6:.0f} million "
            "are the limit: choose a smaller zoom, fewer panels or fewer steps"
        )


@dataclass(frozen=True)
class Trajectory:
    """One sampling trajectory: arrays (steps + 1, C, H, W) float32, and the time of each frame.

    Frame i < steps is the state at `t[i]` with the network's prediction for it; the last frame is the finished
    image, where `x0` is `x` itself. In latent diffusion the states are latents, and `decode(panel, states)` makes
    images (N, 3, S, S) in [-1, 1] of those of the panels "x" and "x0", and of the last of "x" as "final"; without it the
    states are the images. What was decoded is kept in `decoded`, (S, S, 3) uint8 by panel and frame, and never decoded
    again.
    """

    x: np.ndarray
    x0: np.ndarray
    eps: np.ndarray
    t: np.ndarray  # (steps + 1,)
    log_snr: np.ndarray  # (steps + 1,); infinite at the ends of most schedules
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    decode: Decode | None = field(default=None, repr=False, compare=False)
    decoded: dict[tuple[str, int], np.ndarray] = field(
        default_factory=dict[tuple[str, int], np.ndarray], repr=False, compare=False
    )

    @property
    def steps(self) -> int:
        return len(self.t) - 1

    @property
    def image(self) -> Image.Image:
        """The finished image."""
        return Image.fromarray(self.frames("x", [self.steps])[0])

    @property
    def final(self) -> np.ndarray:
        """The finished image (3, S, S) float32 in [-1, 1]."""
        return self.images("x", [self.steps])[0]

    def images(self, panel: str = "x", at: Sequence[int] | None = None) -> np.ndarray:
        """The states of "x" or "x0" at some frames, by default all, as images (F, 3, S, S) float32.

        Latents are decoded, each frame once, and rounded to the 256 levels that it is shown with.
        """
        if self.decode is None:
            return getattr(self, panel) if at is None else getattr(self, panel)[list(at)]
        return normalize(np.moveaxis(self.frames(panel, at), -1, 1).astype(np.float32))

    def frames(self, panel: str = "x", at: Sequence[int] | None = None) -> np.ndarray:
        """Frames of one panel ("x", "x0" or "eps"), by default all, as (F, H, W, 3) uint8.

        Noise is drawn at a third of its size, so that three standard deviations span black to white; a state
        x_t is drawn as it is, cut off at black and white as a screen must. Of noise in latents the first three
        channels are drawn, each value as a square: the decoder has no image for it.
        """
        if panel not in PANELS:
            raise ValueError(f"no panel {panel!r}: choose one of {', '.join(PANELS)}")
        at = range(self.steps + 1) if at is None else at
        if panel == "eps":
            noise = to_uint8(self.eps[list(at), :3], 3.0)
            zoom = 1 if self.decode is None else self.final.shape[-1] // self.eps.shape[-1]
            return noise.repeat(zoom, axis=1).repeat(zoom, axis=2)
        if self.decode is None:
            return to_uint8(getattr(self, panel)[list(at)])
        missing = [i for i in at if (panel, i) not in self.decoded]
        finished = [i for i in missing if panel == "x" and self.t[i] == 0]
        for name, part in (("final", finished), (panel, [i for i in missing if i not in finished])):
            if part:
                images = to_uint8(self.decode(name, getattr(self, panel)[part]))
                self.decoded.update({(panel, i): image for i, image in zip(part, images, strict=True)})
        return np.stack([self.decoded[panel, i] for i in at]) if len(at) else self.frames(panel, [0])[:0]

    def save_gif(self, path: str | Path, panels: Sequence[str] = ("x",), zoom: int = 6) -> Path:
        """Write the trajectory as an animation that rests on the finished image; returns the path.

        Raises ValueError for a panel that does not exist, for none at all, and for a `zoom` that `check_size` refuses.
        """
        if not panels:
            raise ValueError("an animation needs a panel or more")
        image = self.image  # of the size of all frames
        check_size(len(panels) * image.width, image.height, zoom, len(self.t))
        path = Path(path)
        path.write_bytes(gif([self.frames(p) for p in panels], zoom))
        return path

    def save_png(self, path: str | Path, zoom: int = 6) -> Path:
        """Write the finished image, pixels enlarged without smoothing; returns the path.

        The file says how it was made: its text chunks hold the prompt ("Description"), the seed ("Seed") and all settings
        as JSON ("diffviz:settings"), which `Image.open(path).text` reads. Raises ValueError for a `zoom` that
        `check_size` refuses.
        """
        path = Path(path)
        path.write_bytes(self.png(zoom))
        return path

    def png(self, zoom: int = 6) -> bytes:
        """The file that `save_png` writes."""
        image = self.image
        check_size(image.width, image.height, zoom)
        enlarged = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)
        buffer = io.BytesIO()
        enlarged.save(buffer, "PNG", pnginfo=self._provenance())
        return buffer.getvalue()

    def _provenance(self) -> PngInfo:
        info = PngInfo()
        info.add_text("Software", f"diffviz {__version__}")
        for key, field_name in (("Description", "prompt"), ("Seed", "seed")):
            if field_name in self.settings:
                info.add_text(key, str(self.settings[field_name]))
        info.add_text("diffviz:settings", json.dumps(self.settings, sort_keys=True))
        return info


def record(
    steps: Iterable[Step],
    schedule: Schedule,
    settings: dict[str, Any] | None = None,
    decode: Decode | None = None,
) -> list[Trajectory]:
    """Collect a sampler's steps into one Trajectory per image of the batch; `decode` as in Trajectory."""
    seen = list(steps)
    if not seen:
        raise ValueError("nothing to record: the run was stopped before its first step")
    stacks = {
        name: np.stack([getattr(s, name).float().cpu().numpy() for s in seen], axis=1) for name in PANELS
    }  # each (B, steps + 1, C, H, W)
    t = np.array([s.t for s in seen])
    log_snr = np.array([float(schedule.log_snr(s.t)) for s in seen])
    return [
        Trajectory(
            *(stacks[name][b] for name in PANELS),
            t=t,
            log_snr=log_snr,
            settings=settings or {},
            decode=decode,
        )
        for b in range(stacks["x"].shape[0])
    ]


def sprite_sheet(frames: np.ndarray) -> bytes:
    """Frames (F, H, W, 3) uint8 as one lossless PNG, row by row in a near-square grid at native size.

    The reader finds frame i at column i % columns, row i // columns, where columns = ceil(sqrt(F)).
    """
    n, h, w, _ = frames.shape
    columns = math.ceil(math.sqrt(n))
    sheet = np.zeros((math.ceil(n / columns) * h, columns * w, 3), np.uint8)
    for i, frame in enumerate(frames):
        y, x = divmod(i, columns)
        sheet[y * h : (y + 1) * h, x * w : (x + 1) * w] = frame
    return encode_png(sheet)


def strip(frames: np.ndarray, count: int = 8, zoom: int = 4) -> bytes:
    """`count` frames spread over the trajectory, first and last included, side by side as one PNG."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int))
    return encode_png(np.kron(np.concatenate(frames[chosen], axis=1), np.ones((zoom, zoom, 1), np.uint8)))


def _side_by_side(panels: Sequence[np.ndarray], zoom: int) -> list[Image.Image]:
    return [
        Image.fromarray(f).resize((f.shape[1] * zoom, f.shape[0] * zoom), Image.Resampling.NEAREST)
        for f in np.concatenate(list(panels), axis=2)
    ]


def _durations(frames: int, frame_ms: int, rest_ms: int) -> list[int]:
    return [frame_ms] * (frames - 1) + [rest_ms]


def webp(panels: Sequence[np.ndarray], zoom: int = 4, frame_ms: int = 80, rest_ms: int = 1600) -> bytes:
    """As `gif`, in all colours: a lossless animated WebP."""
    first, *rest = _side_by_side(panels, zoom)
    buffer = io.BytesIO()
    first.save(
        buffer, "WEBP", save_all=True, append_images=rest, duration=_durations(len(rest) + 1, frame_ms, rest_ms),
        loop=0, lossless=True, method=0, quality=20,
    )  # fmt: skip
    return buffer.getvalue()


def gif(panels: Sequence[np.ndarray], zoom: int = 6, frame_ms: int = 80, rest_ms: int = 1600) -> bytes:
    """Panels of frames (F, H, W, 3) side by side as an endless animation with a rest on the last frame."""
    pictures = _side_by_side(panels, zoom)
    # Every frame gets the palette of its own colours: one shared palette would band the noise.
    quantized = [p.quantize(256, dither=Image.Dither.NONE) for p in pictures]
    buffer = io.BytesIO()
    quantized[0].save(
        buffer, "GIF", save_all=True, append_images=quantized[1:],
        duration=_durations(len(quantized), frame_ms, rest_ms), loop=0, disposal=1,
    )  # fmt: skip
    return buffer.getvalue()
