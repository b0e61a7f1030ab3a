"""How to join a room and how many have: live counts by server-sent events, without a run of the page's script.

The page is run again only when the room has gone on from another device (`changed`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.components import v2

_HERE = Path(__file__).parent
_HTML = """<div class="dv-wall"><div class="join">
<p class="go">On your phone: <b class="address"></b></p><p class="code"></p></div><img class="qr" alt="">
<p class="joined"><b></b><span></span></p><p class="phase"></p><p class="voted"><b></b><span></span><i></i></p>
<p class="lost"><b></b> lost</p><p class="left" role="timer"></p><p class="cut" role="status"></p></div>"""


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_wall",
        html=_HTML,
        css=(_HERE / "wall.css").read_text(encoding="utf-8"),
        js=(_HERE / "wall.js").read_text(encoding="utf-8"),
    )


@functools.cache
def _errand() -> Callable[..., Any]:
    return v2.component(
        "diffviz_host_cookie",
        html="<span hidden></span>",
        js=(_HERE / "host_cookie.js").read_text(encoding="utf-8"),
    )


def show(code: str, address: str, qr: str, size: str, counts: dict[str, Any], key: str) -> None:
    """Show a room: `size` is "lobby" for the whole wall, "strip" over a question, or "bar" over a lesson.

    `counts` are those of `state.of_room`'s wall.
    """
    data = {"code": code, "address": address, "qr": qr, "size": size, "counts": counts}
    _component()(data=data, key=key, on_changed_change=lambda: None)


@functools.cache
def _drawing() -> Callable[..., Any]:
    return v2.component(
        "diffviz_drawing",
        html='<div class="dv-drawing"></div>',
        css=".dv-drawing svg { max-width: 52rem; width: 100%; height: auto; display: block; } "
        ".dv-drawing text { fill: var(--st-text-color); font: 15px var(--st-font); } "
        ".dv-drawing .mark { fill: var(--st-text-color); }",
        js=(_HERE / "drawing.js").read_text(encoding="utf-8"),
    )


def draw(svg: str, key: str) -> None:
    """Show a drawing in the page's colours; `svg` is ours, with every text in it escaped."""
    _drawing()(data={"svg": svg}, key=key)


def keep_host(code: str, secret: str, key: str) -> None:
    """Have the browser keep the host's right in a cookie; with an empty code, forget it."""
    _errand()(data={"code": code, "secret": secret}, key=key)
