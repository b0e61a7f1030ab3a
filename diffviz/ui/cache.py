"""Values that a visitor keeps while the settings they follow from stay equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def memo(key: str, settings: object, make: Callable[[], T]) -> T:
    """The visitor's value of this key: the one kept under equal `settings`, else what `make` gives, kept from now on.

    One value a key is kept. What is filled while it is shown, a list or a dict, can be made empty and filled in place:
    a run of the page that is cut short then goes on where it was.
    """
    kept = st.session_state.get(key)
    if kept is None or kept[0] != settings:
        kept = st.session_state[key] = (settings, make())
    return kept[1]
