"""Navigation in the browser: one history entry for each page or part that is gone to, and none for anything else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.components import v2

_HERE = Path(__file__).parent
CARRY = "carry"  # the parameter by which a link asks for the values that the visitor brings along
CSS = (_HERE / "navigation.css").read_text(encoding="utf-8")


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_navigation",
        html="<span hidden></span>",
        js=(_HERE / "navigation.js").read_text(encoding="utf-8"),
    )


def install() -> None:
    """Install it in the visitor's browser, once for all pages; `CSS` is for the page's style sheet."""
    _component()(data={"carry": CARRY}, key="navigation")
