"""The interview deck: twenty questions, a filter, and a mock interview."""

from __future__ import annotations

import random

import streamlit as st

from diffviz.learn import content
from diffviz.ui.practice import common


def show() -> None:
    """Twenty questions with difficulty, a filter, and a mock interview of five."""
    items = content.load("interview")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.segmented_control(
            "Difficulty",
            content.DIFFICULTIES,
            selection_mode="multi",
            key="interview-level",
            persist_state="session",
        )
        st.button("Mock interview: five at random", icon=":material/shuffle:", on_click=_mock, args=(items,))
        if "mock" in st.session_state:
            st.button("All twenty", on_click=lambda: st.session_state.pop("mock"))
    shown = [
        i
        for i in items
        if i.id in st.session_state.get("mock", [i.id]) and (not wanted or i.difficulty in wanted)
    ]
    for n, item in enumerate(shown, 1):
        with st.expander(f"{n}. {item.prompt} · {item.difficulty}"):
            st.markdown(item.answer)
            common.demo_link(item.demo)
    if not shown:
        st.info("No question of this difficulty in this selection.")
    sheet = content.dictionary()["cheat_sheet"]["lines"]
    with st.expander("Cheat sheet", icon=":material/description:"):
        st.markdown("\n".join(f"- {line}" for line in sheet))


def _mock(items: tuple[content.Interview, ...]) -> None:
    st.session_state["mock"] = [i.id for i in random.sample(items, 5)]
