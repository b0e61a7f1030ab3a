"""Images of the plane, frame by frame, for the player: a density in bands, arrows, paths, points, and a histogram below.

Drawn twice as large and averaged, so that edges are smooth; on white in either theme, as all images of points here.
Coordinates are those of the data: from -limit to limit, y upwards.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from diffviz.ui import theme

LIMIT, SIDE = 2.6, 420
FINE = 2  # drawn pixels for each one that is shown
GRID = 80  # points of a density a side
BANDS = 9


def rgb(role: str) -> tuple[int, int, int]:
    """A role's colour on white."""
    red, green, blue = bytes.fromhex(theme.LIGHT[role][1:])
    return red, green, blue


def grid(limit: float = LIMIT, n: int = GRID) -> np.ndarray:
    """n × n places, row by row from the top left: (n * n, 2)."""
    centres = (np.arange(n) + 0.5) / n * 2 * limit - limit
    x, y = np.meshgrid(centres, -centres)
    return np.stack([x.ravel(), y.ravel()], 1)


class Plane:
    """One frame in the making: every method draws over what is there."""

    def __init__(self, limit: float = LIMIT, side: int = SIDE) -> None:
        self.limit, self.side = limit, side
        self._image = Image.new("RGB", (side * FINE, side * FINE), "white")

    @classmethod
    def over(cls, picture: np.ndarray, limit: float = LIMIT) -> Plane:
        """A frame that begins with a finished image (side, side, 3), of the same limit."""
        found = cls(limit, len(picture))
        found._image = Image.fromarray(picture).resize(found._image.size, Image.Resampling.NEAREST)
        return found

    def _place(self, points: np.ndarray) -> np.ndarray:
        """Coordinates (..., 2) as drawn pixels."""
        unit = (np.asarray(points) / self.limit + 1) / 2
        return np.stack([unit[..., 0], 1 - unit[..., 1]], -1) * self.side * FINE

    def _tint(self, values: np.ndarray, palette: np.ndarray) -> Plane:
        """Values (GRID * GRID,) from 0 to 1 in the colours of a palette (M, 3), in bands of equal width."""
        share = np.clip(values.reshape(GRID, GRID), 0, 1).astype(np.float32)
        wide = Image.fromarray(share).resize(self._image.size, Image.Resampling.BILINEAR)
        level = np.minimum((np.asarray(wide) * len(palette)).astype(np.uint8), len(palette) - 1)
        sheet = Image.fromarray(level, "P")
        sheet.putpalette(palette.round().astype(np.uint8).tobytes())
        self._image = sheet.convert("RGB")
        return self

    def bands(self, values: np.ndarray, role: str, strength: float = 0.62) -> Plane:
        """Values (GRID * GRID,) at `grid` as bands from white to a tint of the role's colour, by the root of the value."""
        steps = np.linspace(0, strength, BANDS)[:, None]
        share = np.sqrt(np.maximum(values, 0) / (float(values.max()) or 1.0))
        return self._tint(share, 255 * (1 - steps) + steps * np.array(rgb(role)))

    def dots(self, points: np.ndarray, role: str, radius: float = 2.0, rim: bool = False) -> Plane:
        """Points (N, 2) as discs of so many shown pixels; with a white `rim` to stand out from what is below."""
        if rim:
            self._stamp(points, (255, 255, 255), radius + 1.2)
        self._stamp(points, rgb(role), radius)
        return self

    def _stamp(self, points: np.ndarray, colour: tuple[int, int, int], radius: float) -> None:
        sheet, r = np.array(self._image), radius * FINE
        size = self.side * FINE
        at = self._place(points).round().astype(int).reshape(-1, 2)
        reach = range(-int(r), int(r) + 1)
        for dx in reach:
            for dy in reach:
                if dx * dx + dy * dy <= r * r:
                    x, y = at[:, 0] + dx, at[:, 1] + dy
                    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
                    sheet[y[inside], x[inside]] = colour
        self._image = Image.fromarray(sheet)

    def lines(self, paths: np.ndarray, role: str, width: float = 1.2) -> Plane:
        """Paths (steps, N, 2), one line for each of the N points."""
        pen, at = ImageDraw.Draw(self._image), self._place(paths)
        for k in range(at.shape[1]):
            pen.line(
                [tuple(p) for p in at[:, k].tolist()], rgb(role), max(1, round(width * FINE)), joint="curve"
            )
        return self

    def dashes(self, path: np.ndarray, role: str, width: float = 1.6) -> Plane:
        """A path (steps, 2) as a dashed line."""
        pen, at = ImageDraw.Draw(self._image), self._place(path)
        length = np.concatenate([[0], np.linalg.norm(np.diff(at, axis=0), axis=1).cumsum()])
        dash = 7.0 * FINE
        for start in np.arange(0, length[-1], 2 * dash):
            along = np.linspace(start, min(start + dash, length[-1]), 4)
            piece = np.stack([np.interp(along, length, at[:, i]) for i in (0, 1)], 1)
            pen.line([tuple(p) for p in piece.tolist()], rgb(role), max(1, round(width * FINE)))
        return self

    def arrows(self, starts: np.ndarray, ends: np.ndarray, role: str, width: float = 1.0) -> Plane:
        """Arrows from (N, 2) to (N, 2); the head is as long as a third of a short arrow, and never large."""
        pen = ImageDraw.Draw(self._image)
        begin, end = self._place(starts), self._place(ends)
        along = end - begin
        length = np.linalg.norm(along, axis=1)
        seen = length > 1.5 * FINE
        begin, end, along, length = begin[seen], end[seen], along[seen], length[seen]
        unit = along / length[:, None]
        head = np.minimum(0.45 * length, (3 + 2.5 * width) * FINE)[:, None]
        side = np.stack([-unit[:, 1], unit[:, 0]], 1) * head * 0.5
        neck = end - unit * head
        colour, wide = rgb(role), max(1, round(width * FINE))
        for a, b, tip, off in zip(begin, neck, end, side, strict=True):
            pen.line([*a, *b], colour, wide)
            pen.polygon([*tip, *(b + off), *(b - off)], colour)
        return self

    def picture(self) -> np.ndarray:
        """(side, side, 3) uint8."""
        return np.asarray(self._image.reduce(FINE))


def above_histogram(plane: Plane, bars: np.ndarray) -> np.ndarray:
    """A square image of the plane, its top and bottom cut off, with a histogram (height, side, 3) below it."""
    cut = len(bars) // 2
    picture = plane.picture()
    return np.concatenate([picture[cut : plane.side - (len(bars) - cut)], bars])


def histogram(
    values: np.ndarray,
    density: np.ndarray,
    role: str,
    limit: float = LIMIT,
    width: int = SIDE,
    height: int = 110,
) -> np.ndarray:
    """A histogram of values (N,) as bars with an exact density (M,) over [-limit, limit] as a line: (height, width, 3)."""
    wide, tall = width * FINE, height * FINE
    image = Image.new("RGB", (wide, tall), "white")
    pen = ImageDraw.Draw(image)
    edges = np.linspace(-limit, limit, 45)
    bars = np.histogram(values, edges)[0] / (len(values) * (edges[1] - edges[0]))
    top = 1.25 * float(density.max())
    base = tall - 2 * FINE

    def high(value: float) -> float:
        return base - min(value / top, 1) * (base - 2 * FINE)

    at = (edges + limit) / (2 * limit) * wide
    tint = tuple(round(255 - 0.5 * (255 - c)) for c in rgb(role))
    for left, right, bar in zip(at[:-1], at[1:], bars, strict=True):
        pen.rectangle([left + FINE, high(bar), right, base], tint)
    x = np.linspace(0, wide, len(density))
    pen.line(
        [(float(a), high(float(d))) for a, d in zip(x, density, strict=True)],
        rgb("text"),
        2 * FINE,
        joint="curve",
    )
    pen.line([0, base, wide, base], rgb("line-strong"), FINE)
    return np.asarray(image.reduce(FINE))
