"""Predict, observe, explain: a written prediction, a live run, a model answer, and a self-assessment."""

from __future__ import annotations

import random

import streamlit as st

from diffviz.lessons import content, grading
from diffviz.ui import learner
from diffviz.ui.practice import common, self_check

ENOUGH = 20  # characters: shorter than this is no prediction with a reason


def _new_predictions() -> dict:
    return {"at": 0, "own": {}, "met": {}, "looked": [], "round": random.randrange(10**6)}


def show() -> None:
    """Three predictions in writing. The live run and the model answer are shown only afterwards."""
    items = content.load("predictions")
    state = learner.load_progress("predict", _new_predictions)
    for key, empty in _new_predictions().items():
        state.setdefault(key, empty)  # a state saved when predictions were multiple choice
    if state["at"] >= len(items):
        _summary(items, state)
        return
    item = items[state["at"]]
    st.progress(state["at"] / len(items), f"{state['at'] + 1} of {len(items)}")
    st.header(item.prompt, anchor=False)
    # In a state of that form a prediction can be marked as looked at and have no text: it is written first.
    if item.id in state["looked"] and item.id in state["own"]:
        _compare(item, state)
    else:
        _write(item, state)


def _write(item: content.Prediction, state: dict) -> None:
    key = f"predict-{item.id}"
    own = st.text_area(
        "Your prediction, and why (nobody else sees it)",
        state["own"].get(item.id, ""),
        max_chars=2000,
        key=key,
    )
    ready = len((own or "").strip()) >= ENOUGH
    st.button(
        "Commit and run", type="primary", disabled=not ready, on_click=_commit, args=(state, item.id, key)
    )
    if not ready:
        st.caption("Write a sentence or two, with the reason. Then the model runs, and you compare.")


def _compare(item: content.Prediction, state: dict) -> None:
    st.markdown("You predicted:")
    st.text(state["own"][item.id])  # as typed: no Markdown in it is rendered
    from diffviz.ui.practice.live_answers import ANSWERS  # needs torch: not for those who only read

    ANSWERS[item.id](state["round"])
    st.info(item.answer)
    st.markdown("Compare: which of these points are in your prediction?")
    before = state["met"].get(item.id, [])
    for i, point in enumerate(item.key_points):
        st.checkbox(point, i in before, key=f"{item.id}-point-{i}")
    _keep(item, state)
    verdict = _verdict(item, state)
    st.markdown(f"{self_check.MARKS[verdict]} **{verdict}**")
    common.demo_link(item.demo)
    st.button("Next", type="primary", on_click=_next, args=(state, item, state["at"]), key=f"next-{item.id}")


def _verdict(item: content.Prediction, state: dict) -> str:
    return grading.mark(len(state["met"].get(item.id, [])), len(item.key_points))


def _commit(state: dict, item: str, key: str) -> None:
    own = st.session_state[key]  # as it is by now, if the page has not run with it yet
    if len(own.strip()) >= ENOUGH:
        state["own"][item] = own
        state["looked"].append(item)


def _keep(item: content.Prediction, state: dict) -> None:
    """Keep what is ticked by now: a click may come before the page has run with the last tick."""
    points = range(len(item.key_points))
    state["met"][item.id] = [i for i in points if st.session_state.get(f"{item.id}-point-{i}")]


def _next(state: dict, item: content.Prediction, at: int) -> None:
    if not common.went_on(state, at):
        return
    _keep(item, state)
    result = self_check.RESULT_OF_MARK[_verdict(item, state)]
    learner.log("predictions", item.id, result, turn=state["round"], key="predict")


def _summary(items: tuple[content.Prediction, ...], state: dict) -> None:
    st.header("All three predictions compared", anchor=False)
    for item in items:
        verdict = _verdict(item, state)
        st.markdown(f"- {self_check.MARKS[verdict]} **{verdict}**: {item.prompt}")
    st.button("Start over", on_click=common.restart_exercise, args=("predict", _new_predictions))
