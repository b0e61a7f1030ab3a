"""For readers with a keyboard or a screen reader: the focus kept, charts named, and a way to the player."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.components import v2

# First in the main part of a page; shown while it has the focus, on pages that have a player.
SKIP = '<a class="dv-skip" href="#player">To the player</a>'


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_access",
        html="<span hidden></span>",
        js=Path(__file__).with_name("access.js").read_text(encoding="utf-8"),
    )


def install() -> None:
    """Install it in the visitor's browser, once for all pages."""
    _component()(key="access")
