"""The time that a phase of a class has left, and Page Up and Page Down, which are the keys of a clicker, for its steps."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.components import v2

_HERE = Path(__file__).parent


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_clicker",
        html='<span class="dv-left" role="timer"></span>',
        css=".dv-left { font: 1.05rem var(--st-font); font-variant-numeric: tabular-nums; white-space: nowrap; } "
        ".dv-left.over { color: var(--dv-noise); font-weight: 700; }",
        js=(_HERE / "clicker.js").read_text(encoding="utf-8"),
    )


def show(ends: float, slack: int, now: float, back: str, next_: str, key: str) -> None:
    """Count down to `ends`; Page Up follows the link within the container of key `back`, Page Down that of `next_`.

    Times are in seconds since 1970; `now` is the server's, for a browser whose clock differs. `slack` is in minutes.
    """
    data = {"ends": ends, "slack": slack, "now": now, "back": back, "next": next_}
    _component()(data=data, key=key)
