"""Predict, then look: a prediction in one's own words, a live run, then our answer to compare it with."""

from __future__ import annotations

import streamlit as st

from diffviz.lessons import content, grading
from diffviz.ui import learner
from diffviz.ui.practice import common
from diffviz.ui.practice.self_check import MARKS, RESULT_OF_MARK


def _new_predictions() -> dict:
    return {"at": 0, "own": {}, "looked": [], "marks": {}}


def show() -> None:
    """Write a prediction with its reason, see what the live model does, then compare with our answer point by point."""
    items = content.load("predictions")
    state = learner.place("predict", _new_predictions)
    for key, value in _new_predictions().items():  # a place kept by an earlier version has other parts
        state.setdefault(key, value)
    if state["at"] >= len(items):
        st.header("All three are settled", anchor=False)
        st.button("Start over", on_click=common.begin_again, args=("predict", _new_predictions))
        return
    item = items[state["at"]]
    st.progress(state["at"] / len(items), f"{state['at'] + 1} of {len(items)}")
    st.header(item.prompt, anchor=False)
    committed = item.id in state["looked"] and item.id in state["own"]
    own = st.text_area(
        "Your prediction, and the reason for it (nobody else sees it)",
        state["own"].get(item.id, ""),
        max_chars=2000,
        key=f"predict-{item.id}",
        disabled=committed,
    )
    if not committed:
        ready = own.strip() != ""
        st.button(
            "Commit and look", type="primary", disabled=not ready, on_click=_commit, args=(state, item, own)
        )
        if not ready:
            st.caption("Write first: then the model shows what happens.")
        return
    from diffviz.ui.practice.live_answers import ANSWERS  # needs torch: not for those who only read

    ANSWERS[item.id]()
    st.info(item.answer)
    st.markdown("Compare: which of these did you predict?")
    met = [
        st.checkbox(point, key=f"{item.id}-{i}", persist_state="session")
        for i, point in enumerate(item.key_points)
    ]
    verdict = grading.mark(sum(met), len(met))
    state["marks"][item.id] = verdict
    st.markdown(f"{MARKS[verdict]} **{verdict}**")
    common.demo_link(item.demo)
    st.button("Next", type="primary", on_click=_next, args=(state, item), key=f"next-{item.id}")


def _commit(state: dict, item: content.Prediction, own: str) -> None:
    state["own"][item.id] = own
    state["looked"].append(item.id)


def _next(state: dict, item: content.Prediction) -> None:
    learner.log("predictions", item.id, RESULT_OF_MARK[state["marks"][item.id]])
    common.advance(state)
