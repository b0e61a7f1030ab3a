"""Symbols on a page that explain themselves at a tap: in frame captions, titles of panels, notes and heads of tables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streamlit.components import v2

_HERE = Path(__file__).parent


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_symbols",
        html="<span hidden></span>",
        js=(_HERE / "symbols.js").read_text(encoding="utf-8"),
    )


def install(texts: Mapping[str, str]) -> None:
    """Install it in the visitor's browser, once for all pages; `texts` says what each symbol is."""
    _component()(data=dict(texts), key="symbols")
