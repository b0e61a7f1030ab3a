"""Interview questions: a difficulty filter, navigation by number, and a timed mock interview."""

from __future__ import annotations

import random

import streamlit as st

from diffviz.lessons import content
from diffviz.ui.components.timer import timer
from diffviz.ui.practice import common

MINUTES = 2  # for one answer in the mock interview
BADGES = {"easy": "green", "medium": "blue", "hard": "orange"}
MOCK = 5


def show() -> None:
    """All questions by number, filtered by difficulty, or five at random in a timed mock interview."""
    items = content.load("interview")
    if "mock" in st.session_state:
        _mock_interview({i.id: i for i in items})
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.segmented_control(
            "Difficulty",
            content.DIFFICULTIES,
            selection_mode="multi",
            key="interview-level",
            persist_state="session",
        )
        st.button(
            f"Mock interview: {MOCK} random questions",
            icon=":material/timer:",
            on_click=_begin_mock,
            args=(items,),
        )
    shown = {n: i for n, i in enumerate(items, 1) if not wanted or i.difficulty in wanted}
    if st.session_state.get("interview-number") not in shown:
        st.session_state["interview-number"] = next(iter(shown))
    number = st.pills("Go to", list(shown), key="interview-number", required=True, wrap=True)
    assert number is not None  # one is always chosen, by `required`
    _question(shown[number], f"Question {number}", f"answer-{number}")
    numbers = list(shown)
    at = numbers.index(number)
    with st.container(horizontal=True):
        for label, by in (("Previous", -1), ("Next", 1)):
            to = at + by
            st.button(
                label, disabled=not 0 <= to < len(numbers), on_click=_go, args=(numbers[to % len(numbers)],)
            )
    with st.expander("All questions on one page"):
        for n, item in shown.items():
            st.markdown(f"**{n}. {item.prompt}** {_badge(item)}\n\n{item.answer}")
    sheet = content.dictionary()["cheat_sheet"]["lines"]
    with st.expander("Cheat sheet", icon=":material/description:"):
        st.markdown("\n".join(f"- {line}" for line in sheet))


def _question(item: content.Interview, title: str, key: str) -> None:
    with st.container(border=True):
        st.markdown(f"{title} {_badge(item)}")
        st.header(item.prompt, anchor=False)
        if st.toggle("Show the answer", key=key):
            st.markdown(item.answer)
            common.demo_link(item.demo)


def _badge(item: content.Interview) -> str:
    return f":{BADGES[item.difficulty]}-badge[{item.difficulty}]"


def _go(number: int) -> None:
    st.session_state["interview-number"] = number


def _begin_mock(items: tuple[content.Interview, ...]) -> None:
    st.session_state["mock"] = {"ids": [i.id for i in random.sample(items, MOCK)], "at": 0}


def _mock_interview(items: dict[str, content.Interview]) -> None:
    mock = st.session_state["mock"]
    if mock["at"] >= len(mock["ids"]):
        st.header("Mock interview finished", anchor=False)
        for i in mock["ids"]:
            st.markdown(f"- {items[i].prompt} {_badge(items[i])}")
        with st.container(horizontal=True):
            st.button("Another five", type="primary", on_click=_begin_mock, args=(tuple(items.values()),))
            st.button("All questions", on_click=_end_mock)
        return
    item, n = items[mock["ids"][mock["at"]]], mock["at"] + 1
    st.progress(mock["at"] / len(mock["ids"]), f"{n} of {len(mock['ids'])}")
    st.caption(
        f"Answer aloud, as you would to an interviewer. Aim for {MINUTES} minutes; nothing happens when they are over."
    )
    timer(60 * MINUTES, key=f"timer-{item.id}", turn=n)
    _question(item, f"Question {n}", f"mock-{item.id}")
    with st.container(horizontal=True):
        st.button("Next", type="primary", on_click=common.advance, args=(mock, mock["at"]))
        st.button("End the interview", on_click=_end_mock)


def _end_mock() -> None:
    st.session_state.pop("mock", None)
