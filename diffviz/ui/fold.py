"""Folds whose content is made once they are opened.

Of a closed expander Streamlit sends and builds all that is in it: one listing of code costs a browser a second, as its
colouring loads the grammars of all languages.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

PREFIX = "fold-"  # of the keys under which the session knows which folds are open


@st.fragment
def fold(title: str, key: str, draw: Callable[[], None], icon: str | None = None) -> None:
    """An expander that is drawn by `draw` while it is open; opening and closing it runs nothing else of the page."""
    with st.expander(title, key=f"{PREFIX}{key}", icon=icon, on_change="rerun") as expander:
        if expander.open:
            draw()
