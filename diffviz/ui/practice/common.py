"""What the exercises share: links to demos, confidence ratings, moving on and starting over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from diffviz.lessons.content import Demo
from diffviz.lessons.pages import BY_SLUG

CONFIDENCE = ("a guess", "fairly sure", "certain")


def demo_link(demo: Demo | None, **more: Any) -> None:
    """A link to the live demo that shows the answer, in the state that shows it."""
    if demo:
        st.page_link(
            BY_SLUG[demo.page].file,
            label=demo.label,
            icon=":material/play_circle:",
            query_params=demo.state,
            **more,
        )


def went_on(state: dict, at: int) -> bool:
    """Go on from the item in place `at` of an exercise; False where a press before the page has run did so already."""
    if state["at"] != at:
        return False
    state["at"] += 1
    return True


def advance(state: dict, at: int) -> None:
    """`went_on` as a button's callback."""
    went_on(state, at)


def restart_exercise(key: str, make: Callable[[], dict]) -> None:
    """Put an exercise back to its beginning."""
    st.session_state[f"practice-{key}"] = make()
