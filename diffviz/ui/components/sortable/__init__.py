"""A list that is put in order by dragging, or by buttons for the keyboard and the screen reader."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components import v2

_HERE = Path(__file__).parent


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component(
        "diffviz_sortable",
        html='<ol class="dv-sort"></ol><div class="dv-said" aria-live="polite"></div>',
        css=(_HERE / "sortable.css").read_text(encoding="utf-8"),
        js=(_HERE / "sortable.js").read_text(encoding="utf-8"),
    )


def sortable(items: Mapping[str, str], label: str, key: str, version: int = 0) -> list[str]:
    """Show `items` (id -> text) in their order; returns the ids in the order the visitor put them in.

    The browser keeps its own order until `version` changes; then it takes that of `items`.
    """
    _component()(
        data={
            "items": [{"id": i, "text": text} for i, text in items.items()],
            "label": label,
            "version": version,
        },
        key=key,
        on_order_change=lambda: None,
    )
    return order_of(items, key)


def order_of(items: Collection[str], key: str) -> list[str]:
    """The order of the list `key` by now: in a callback it may be newer than the last run of the page."""
    moved = st.session_state.get(key, {}).get("order")
    return moved if isinstance(moved, list) and sorted(map(str, moved)) == sorted(items) else list(items)
