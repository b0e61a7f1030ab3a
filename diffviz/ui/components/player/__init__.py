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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from streamlit.components import v2

from diffviz.pipelines.trajectory import gif, sprite_sheet, strip
from diffviz.ui.cache import by_content
from diffviz.ui.components.gallery import data_uri

_HERE = Path(__file__).parent
LARGEST = 352  # CSS pixels: eleven screen pixels for each of a 32-pixel image


@dataclass(frozen=True)
class Panel:
    """One of the images shown side by side.

    `role` fixes its colour and its mark: "signal", "noise", "prediction", or "state" for a mix of the first
    two. `frames` is (F, H, W, 3) uint8.
    """

    symbol: str
    label: str
    role: str
    frames: np.ndarray


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
    largest: int = LARGEST,
    t: Sequence[float] | np.ndarray = (),
    charts: Sequence[Chart] = (),
) -> bytes:
    """The player's payload: header length (4 bytes), header (JSON), one PNG sprite sheet per panel.

    Raises ValueError when the panels differ in shape or the texts do not match the number of frames.
    """
    shapes = {p.frames.shape for p in panels}
    if len(shapes) != 1 or not 1 <= len(panels) <= 4:
        raise ValueError("one to four panels with frames of the same shape, please")
    (n, height, width, _) = shapes.pop()
    if not n == len(readouts) == len(captions):
        raise ValueError(f"{n} frames, {len(readouts)} readouts and {len(captions)} captions do not match")
    sheets = [_sheet(p.frames) for p in panels]
    header = {
        "run": hashlib.sha256(b"".join(sheets)).hexdigest()[:16],
        "size": [height, width],
        "frames": n,
        "columns": int(np.ceil(np.sqrt(n))),
        "start": start % n,
        "largest": largest,
        "title": title,
        "readouts": list(readouts),
        "captions": list(captions),
        "t": [float(v) for v in t],
        "charts": [
            {**asdict(c), "values": [float(np.clip(v, *c.range)) for v in c.values], "texts": list(c.texts)}
            for c in charts
        ],
        "panels": [
            {"symbol": p.symbol, "label": p.label, "role": p.role, "bytes": len(s)}
            for p, s in zip(panels, sheets, strict=True)
        ],
    }
    raw = json.dumps(header, ensure_ascii=False).encode()
    return struct.pack("<I", len(raw)) + raw + b"".join(sheets)


# Encoding costs a hundred times what it costs to see that the frames are those of the run before.
_sheet = by_content(sprite_sheet)


@functools.cache
def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_player",
        html=_file("player.html"),
        css=_file("player.css"),
        js=_file("player.js"),
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
    largest: int = LARGEST,
    t: Sequence[float] | np.ndarray = (),
    charts: Sequence[Chart] = (),
) -> None:
    """Show the player, with downloads of the run as GIF and as a strip of frames.

    `start` is the frame shown first (negative counts from the end); `largest` the most CSS pixels a panel may
    take; `name` begins the file names; `charts` are drawn over the frames' times `t`.
    """
    _component()(data=pack(panels, readouts, captions, title, start, largest, t, charts), key=key)
    frames = [p.frames for p in panels]
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "GIF",
            lambda: gif(frames),
            f"{name}.gif",
            "image/gif",
            key=f"{key}-gif",
            on_click="ignore",
            icon=":material/download:",
            type="tertiary",
            help="The whole run as an animation",
        )
        st.download_button(
            "Strip of frames",
            lambda: strip(np.concatenate(frames, axis=1)),
            f"{name}.png",
            "image/png",
            key=f"{key}-strip",
            on_click="ignore",
            icon=":material/download:",
            type="tertiary",
            help="Eight frames side by side as a PNG",
        )


def still(panels: Sequence[Panel], caption: str, largest: int = LARGEST) -> str:
    """HTML of the newest frame of a run in progress, laid out as the player will be."""
    side = panels[0].frames.shape[2]
    zoom = max(1, largest // side)
    boxes = "".join(
        f'<div class="dv-panel"><img alt="{html.escape(p.symbol)} {html.escape(p.label)}" '
        f'src="{data_uri(p.frames[-1])}">'
        f'<div class="dv-label"><i class="dv-key" data-role="{p.role}"></i><b>{html.escape(p.symbol)}</b>'
        f"<small>{html.escape(p.label)}</small></div></div>"
        for p in panels
    )
    sizes = f"--panels:{len(panels)};--side:{zoom * side}px;--pixels:{side}px"
    return (
        f'<style>{_file("player.css")}</style><figure class="dv-player" style="{sizes}">'
        f'<div class="dv-panels">{boxes}</div><p class="dv-caption">{html.escape(caption)}</p></figure>'
    )
