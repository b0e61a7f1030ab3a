"""The frame player: frames are sent to the browser once, and played, stepped and scrubbed there.

`play` shows it. While a run is still being computed, `still` draws the newest frame in the same place and at
the same size, so that nothing jumps when the player takes over.
"""

from __future__ import annotations

import functools
import hashlib
import html
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from streamlit.components import v2

from diffviz.pipelines.trajectory import gif, sprite_sheet, strip, webp
from diffviz.ui.cache import by_content
from diffviz.ui.components.gallery import image_url, kept_url

_HERE = Path(__file__).parent
FINE = 128  # pixels: from here on an image is enlarged smoothly, as in player.js


@dataclass(frozen=True)
class Panel:
    """One of the images shown side by side.

    `role` fixes its colour and its mark: "signal", "noise", "prediction", or "state" for a mix of the first
    two. `frames` is (F, H, W, 3) uint8. A `locked` panel is blurred: it waits for a guess. `at_end` is symbol and label of
    the last frame where that shows something else: a state becomes the finished image there.
    """

    symbol: str
    label: str
    role: str
    frames: np.ndarray
    locked: bool = False
    at_end: tuple[str, str] | None = None


@dataclass(frozen=True)
class Chart:
    """A small line chart under the images whose cursor follows the frame: one value and text per frame.

    `role` fixes the colour as for panels, `dash` is an SVG dash pattern, `range` the axis from bottom to top.
    """

    title: str
    role: str
    values: Sequence[float] | np.ndarray
    texts: Sequence[str]
    range: tuple[float, float]
    dash: str = "none"


@dataclass(frozen=True)
class Mark:
    """A frame marked on the scrubber, with a text; a guess has a hollow mark, what was found a filled one."""

    frame: int
    text: str
    filled: bool = True


@dataclass(frozen=True)
class PlanePath:
    """A path in a plane: its points (P, 2), and the number of its newest point at each frame.

    `series` is the number of its colour and mark; the path of a reference has none, and is there from the start.
    """

    name: str
    points: np.ndarray
    newest: Sequence[int] = ()
    series: int | None = None


@dataclass(frozen=True)
class Plane:
    """Paths that grow with the frame, on axes of equal scale, named at their ends."""

    title: str
    axes: tuple[str, str]
    paths: Sequence[PlanePath]


@dataclass(frozen=True)
class Saved:
    """A file that the player offers to save; it is made when it is asked for."""

    title: str
    make: Callable[[], bytes | str]
    name: str
    mime: str
    help: str


class Pick(NamedTuple):
    """A place clicked: in which panel and frame, and where, as shares of its width and height from the top left."""

    panel: int
    frame: int
    x: float
    y: float


def _picked(key: str, panels: int, frames: int, on_pick: Callable[[Pick], None]) -> None:
    """Read the place that the browser sent, and pass it on if it is one."""
    sent = st.session_state[key].get("pick")
    try:
        pick = Pick(int(sent["panel"]), int(sent["frame"]), float(sent["x"]), float(sent["y"]))
    except (TypeError, KeyError, ValueError):
        return
    if 0 <= pick.panel < panels and 0 <= pick.frame < frames and 0 <= pick.x <= 1 and 0 <= pick.y <= 1:
        on_pick(pick)


def _fixed(key: str, frames: int, on_fix: Callable[[int], None]) -> None:
    """Read the frame that the browser sent, and pass it on if there is such a one."""
    sent = st.session_state[key].get("fix")
    if isinstance(sent, int | float) and 0 <= sent < frames:
        on_fix(int(sent))


def snr_text(log_snr: float) -> str:
    """A signal-to-noise ratio as a reader wants it: two figures, no powers of ten where none are needed."""
    snr = np.exp(log_snr)
    if not np.isfinite(snr) or snr > 1e6:
        return "∞" if not np.isfinite(snr) else "over a million"
    if snr < 1e-4:
        return "0" if snr == 0 else "under 0.0001"
    return f"{snr:.0f}" if snr >= 100 else f"{snr:.2g}"


def pack(
    panels: Sequence[Panel],
    readouts: Sequence[str],
    captions: Sequence[str],
    title: str,
    start: int = -1,
    main: int = 0,
    t: Sequence[float] | np.ndarray = (),
    charts: Sequence[Chart] = (),
    same: str = "",
    pick: bool = False,
    marks: Sequence[Mark] = (),
    button: str = "",
    lanes: bool = False,
    plane: Plane | None = None,
    key: str = "",
) -> bytes:
    """The player's payload: header length (4 bytes), header (JSON), one PNG sprite sheet per panel.

    Runs with an equal `same` count as one, so that the frame stays when their images change. By its `key` a player knows
    what the learner left.

    Raises ValueError when the panels differ in shape or the texts do not match the number of frames.
    """
    shapes = {p.frames.shape for p in panels}
    if len(shapes) != 1 or not 1 <= len(panels) <= 4:
        raise ValueError("one to four panels with frames of the same shape, please")
    (n, height, width, _) = shapes.pop()
    if not n == len(readouts) == len(captions):
        raise ValueError(f"{n} frames, {len(readouts)} readouts and {len(captions)} captions do not match")
    encoded = [_sheet(p.frames) for p in panels]
    sheets = [sheet for sheet, _ in encoded]
    header = {
        "key": key,
        "run": same or "".join(known for _, known in encoded),
        "size": [height, width],
        "frames": n,
        "columns": int(np.ceil(np.sqrt(n))),
        "start": start % n,
        "main": main,
        "pick": pick,
        "marks": [asdict(mark) for mark in marks],
        "button": button,
        "lanes": lanes,
        "plane": plane
        and {
            "title": plane.title,
            "axes": plane.axes,
            "paths": [
                {"name": p.name, "series": p.series, "points": p.points.tolist(), "newest": list(p.newest)}
                for p in plane.paths
            ],
        },
        "title": title,
        "readouts": list(readouts),
        "captions": list(captions),
        "t": [float(v) for v in t],
        "charts": [
            {**vars(c), "values": np.clip(c.values, *c.range).tolist(), "texts": list(c.texts)}
            for c in charts
        ],
        "panels": [
            {
                "symbol": p.symbol,
                "label": p.label,
                "at_end": p.at_end,
                "role": p.role,
                "locked": p.locked,
                "bytes": len(s),
            }
            for p, s in zip(panels, sheets, strict=True)
        ],
    }
    raw = json.dumps(header, ensure_ascii=False).encode()
    return struct.pack("<I", len(raw)) + raw + b"".join(sheets)


# Encoding costs a hundred times what it costs to see that the frames are those of the run before.
@by_content
def _sheet(frames: np.ndarray) -> tuple[bytes, str]:
    """The sprite sheet of frames, and by what it is known."""
    sheet = sprite_sheet(frames)
    return sheet, hashlib.sha256(sheet).hexdigest()[:16]


@functools.cache
def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_player",
        html=_file("player.html"),
        css=_file("player.css"),
        js=_file("plane.js") + _file("player.js"),
    )


def play(
    panels: Sequence[Panel],
    readouts: Sequence[str],
    captions: Sequence[str],
    *,
    title: str,
    key: str,
    name: str = "diffviz",
    start: int = -1,
    main: int = 0,
    t: Sequence[float] | np.ndarray = (),
    charts: Sequence[Chart] = (),
    same: str = "",
    on_pick: Callable[[Pick], None] | None = None,
    marks: Sequence[Mark] = (),
    button: str = "",
    on_fix: Callable[[int], None] | None = None,
    lanes: bool = False,
    plane: Plane | None = None,
    files: Sequence[Saved] = (),
) -> None:
    """Show the player, with downloads of the frames as GIF, as WebP and as a strip, of `files`, and of what to cite.

    `start` is the frame shown first (negative counts from the end); `main` the panel that is large at first; `name`
    begins the file names; `charts` are drawn over the frames' times `t`. With an equal `same` the frame stays where it was,
    though images change. `on_pick` is called before the page runs again when the large panel is clicked. `marks` stand on
    the scrubber; a `button` of this title fixes a frame, with which `on_fix` is called before the page runs again. In
    `lanes` no panel is larger than the others; a `plane` of paths stands beside them.
    """
    more: dict[str, Callable[[], None]] = {}
    if on_pick is not None:
        more["on_pick_change"] = lambda: _picked(key, len(panels), len(readouts), on_pick)
    if on_fix is not None:
        more["on_fix_change"] = lambda: _fixed(key, len(readouts), on_fix)
    payload = pack(
        panels, readouts, captions, title, start, main, t, charts, same, on_pick is not None, marks, button, lanes, plane,
        key,
    )  # fmt: skip
    if plane is None:
        st.html(first_frame(panels, start, main, lanes))
    _component()(data=payload, key=key, **more)
    if any(p.locked for p in panels):
        return  # what is to be guessed is not to be saved
    frames = [p.frames for p in panels]
    offered = (
        Saved("GIF", lambda: gif(frames), f"{name}.gif", "image/gif", "All frames as an animation of 256 colours"),
        Saved("WebP", lambda: webp(frames), f"{name}.webp", "image/webp", "All frames as a lossless animation"),
        Saved(
            "Strip of frames", lambda: strip(np.concatenate(frames, axis=1)), f"{name}.png", "image/png",
            "Eight frames side by side as a PNG",
        ),
        *files,
        Saved(
            "Cite this", partial(_bibtex, st.session_state.get("slug", "")), "diffviz.bib", "application/x-bibtex",
            "BibTeX of diffviz and of the papers of this lesson",
        ),
    )  # fmt: skip
    with st.container(key=f"saves-{key}"), st.popover("Save", icon=":material/download:", type="tertiary"):
        for file in offered:
            st.download_button(
                file.title,
                file.make,
                file.name,
                file.mime,
                key=f"{key}-{file.title.lower().replace(' ', '-')}",
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
                help=file.help,
            )


def first_frame(panels: Sequence[Panel], start: int = -1, main: int = 0, lanes: bool = False) -> str:
    """HTML of the frame that the player begins with, which stands in its place while the player loads."""
    n = len(panels[0].frames)
    at = start % n  # as in the header of `pack`
    shown = [replace(p, frames=p.frames[at][None], at_end=p.at_end if at == n - 1 else None) for p in panels]
    return f'<div class="dv-first">{still(shown, "", main, lanes, stays=True)}</div>'


def _bibtex(lesson: str) -> str:
    from diffviz.export.runs import bibtex  # with its neighbours' libraries: only when it is asked for

    return bibtex(lesson)


def still(
    panels: Sequence[Panel], caption: str, main: int = 0, lanes: bool = False, stays: bool = False
) -> str:
    """HTML of the newest frame of a run in progress, laid out as the player will be.

    With `stays` it stands on the page until something is changed: its images are encoded once.
    """
    url_of = kept_url if stays else image_url
    height, width = panels[0].frames.shape[1:3]
    smooth = "smooth" if width >= FINE else ""
    titles = [tuple(map(html.escape, p.at_end or (p.symbol, p.label))) for p in panels]
    boxes = "".join(
        f'<div class="dv-panel{" main" if i == main else ""}"><img class="{smooth}{" locked" * p.locked}" '
        f'alt="{symbol} {label}" src="{url_of(p.frames[-1])}">'
        f'<div class="dv-label"><i class="dv-key" data-role="{p.role}"></i><b>{symbol}</b>'
        f"<small>{label}</small></div></div>"
        for i, (p, (symbol, label)) in enumerate(zip(panels, titles, strict=True))
    )
    sizes = f"--panels:{len(panels)};--pixels:{width}px;--ratio:{width} / {height}"
    return (
        f'<style>{_file("player.css")}</style><figure class="dv-player" data-panels="{len(panels)}"'
        f'{" data-lanes" * lanes} style="{sizes}">'
        f'<div class="dv-stage"><div class="dv-panels">{boxes}</div>'
        f'<div class="dv-info"><p class="dv-caption">{html.escape(caption)}</p></div></div></figure>'
    )
