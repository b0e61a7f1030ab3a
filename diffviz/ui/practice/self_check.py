"""Self-check: free recall, then a model answer and a self-assessment against its key points."""

from __future__ import annotations

import random

import streamlit as st

from diffviz.lessons import content, grading
from diffviz.ui import learner
from diffviz.ui.practice import common

RESULT_OF_MARK = {"missed": "wrong", "partly": "partly", "got it": "right"}
MARKS = {"missed": ":material/close:", "partly": ":material/contrast:", "got it": ":material/check:"}


def _new_check() -> dict:
    return {"at": 0, "marks": {}, "own": {}, "round": random.randrange(10**6)}


def show() -> None:
    """A question, a free-text answer, confidence, then the model answer; the learner ticks the key points."""
    items = content.load("self_check")
    state = learner.load_progress("check", _new_check)
    if state["at"] >= len(items):
        _self_check_summary(items, state)
        return
    item = items[state["at"]]
    st.progress(state["at"] / len(items), f"{state['at'] + 1} of {len(items)}")
    ask(item, state)
    st.button(
        "Next question",
        key=f"next-{item.id}",
        on_click=_next_check,
        args=(state, item, state["at"]),
        type="primary",
    )


def ask(item: content.SelfCheck, state: dict) -> None:
    """One question: a free-text answer, the model answer and the self-assessment, kept in `state`."""
    st.header(item.prompt, anchor=False)
    st.text_area(
        "Your answer, in your own words (nobody else sees it)",
        state["own"].get(item.id, ""),
        max_chars=2000,
        key=f"own-{item.id}",
    )
    st.segmented_control(
        "How sure are you?", common.CONFIDENCE, key=f"sure-{item.id}", persist_state="session"
    )
    shown = st.toggle("Show the model answer", key=f"shown-{item.id}")
    if shown:
        st.info(item.answer)
        st.markdown("Assess yourself: which of these points are in your answer?")
        for i, point in enumerate(item.key_points):
            st.checkbox(point, key=f"{item.id}-{i}", persist_state="session")
    keep(item, state)
    if shown:
        verdict = state["marks"][item.id]
        st.markdown(f"{MARKS[verdict]} **{verdict}**")
        common.demo_link(item.demo)


def keep(item: content.SelfCheck, state: dict) -> None:
    """Keep the answer and its assessment as they are by now: a click may come before the page has run with them."""
    now = st.session_state
    state["own"][item.id] = now.get(f"own-{item.id}", "")
    if now.get(f"shown-{item.id}"):
        met = sum(bool(now.get(f"{item.id}-{i}")) for i in range(len(item.key_points)))
        state["marks"][item.id] = grading.mark(met, len(item.key_points))


def leave(item: content.SelfCheck) -> str | None:
    """How sure the learner was of an item that is done. What was ticked there goes: when it is asked again, it is anew."""
    sure = st.session_state.pop(f"sure-{item.id}", None)
    for key in (f"shown-{item.id}", *(f"{item.id}-{i}" for i in range(len(item.key_points)))):
        st.session_state.pop(key, None)
    return sure


def _next_check(state: dict, item: content.SelfCheck, at: int) -> None:
    if not common.went_on(state, at):
        return
    keep(item, state)
    sure = leave(item)
    if item.id in state["marks"]:
        result = RESULT_OF_MARK[state["marks"][item.id]]
        learner.log("self_check", item.id, result, sure, turn=state["round"], key="check")


def _self_check_summary(items: tuple, state: dict) -> None:
    st.header("Done", anchor=False)
    for item in items:
        verdict = state["marks"].get(item.id)
        st.markdown(
            f"- {MARKS[verdict]} **{verdict}**: {item.prompt}"
            if verdict
            else f"- not assessed: {item.prompt}"
        )
    st.button("Start over", on_click=common.restart_exercise, args=("check", _new_check))
