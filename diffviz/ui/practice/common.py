"""What the ways to practise share."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from diffviz.lessons.content import Demo

CONFIDENCE = ("a guess", "fairly sure", "certain")
PAGES = {
    "forward": "pages/1_forward.py",
    "training": "pages/2_training.py",
    "reverse": "pages/3_reverse.py",
    "steps": "pages/4_steps.py",
    "guidance": "pages/5_guidance.py",
    "editing": "pages/6_editing.py",
    "copies": "pages/7_copies.py",
    "relatives": "pages/8_relatives.py",
    "practise": "pages/9_practise.py",
}


def demo_link(demo: Demo | None, **more: object) -> None:
    """A link to the live demo that shows the answer, in the state that shows it."""
    if demo:
        st.page_link(
            PAGES[demo.page], label=demo.label, icon=":material/play_circle:", query_params=demo.state, **more
        )


def advance(state: dict) -> None:
    """Go to the next item of an exercise."""
    state["at"] += 1


def restart_exercise(key: str, make: Callable[[], dict]) -> None:
    """Put an exercise back to its beginning."""
    st.session_state[f"practice-{key}"] = make()
