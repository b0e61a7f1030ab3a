"""Keyboard focus that a rerun would lose: it goes to what stands in the place of the element that is gone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.components import v2


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_focus",
        html="<span hidden></span>",
        js=Path(__file__).with_name("focus.js").read_text(encoding="utf-8"),
    )


def install() -> None:
    """Install it in the visitor's browser, once for all pages."""
    _component()(key="focus")
