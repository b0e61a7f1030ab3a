"""Ordering exercise: six stages, moved by dragging or by buttons, partial credit, and a live run of the right order."""

from __future__ import annotations

import random

import streamlit as st

from diffviz.lessons import content, grading
from diffviz.ui import learner
from diffviz.ui.components.sortable import order_of, sortable
from diffviz.ui.practice import common

_LIST = "order-list"  # in the session: the component's own state


def _new_order() -> dict:
    stages = len(content.load("order")[0].stages)
    seed = random.randrange(1, 10**6)
    return {"order": grading.scrambled(stages, seed), "checked": False, "version": seed}


def show() -> None:
    """Six shuffled stages, each with its letter; feedback names the first wrong one; the right order is run live."""
    item = content.load("order")[0]
    state = learner.load_progress("order", _new_order)
    st.header(item.prompt, anchor=False)
    shown = {item.stages[k].id: f"{item.stages[k].letter}) {item.stages[k].text}" for k in state["order"]}
    _take(sortable(shown, item.prompt, _LIST, state.get("version", 0)), state, item)
    with st.container(horizontal=True):
        st.button("Check the order", type="primary", on_click=_check_order, args=(state, item))
        if state["checked"]:
            st.button("Shuffle again", on_click=_shuffle)
    if not state["checked"]:
        return
    result = _grade(state, item)
    if result.first_wrong is None:
        letters = ", ".join(stage.letter for stage in item.stages)
        st.success(f"All six are in the right order: {letters}. {item.explanation}", icon=":material/check:")
        from diffviz.ui.practice.live_answers import stages_live  # needs torch: not for those who only read

        stages_live(state.get("version", 0))
    else:
        stage = item.stages[state["order"][result.first_wrong]]
        st.warning(
            f"{result.pairs_right} of {result.pairs} pairs are in the right order. The first wrong one is "
            f"number {result.first_wrong + 1}, {stage.letter}) “{stage.text}”. {item.stages[result.first_wrong].why}",
            icon=":material/low_priority:",
        )
    common.demo_link(item.demo)


def _shuffle() -> None:
    common.restart_exercise("order", _new_order)
    st.session_state.pop(_LIST, None)


def _take(ids: list[str], state: dict, item: content.Ordering) -> None:
    """Keep the order in which the stages stand in the browser."""
    at = {s.id: k for k, s in enumerate(item.stages)}
    placed = [at[i] for i in ids]
    if placed != state["order"]:
        state.update(order=placed, checked=False)


def _grade(state: dict, item: content.Ordering) -> grading.OrderResult:
    right = [s.id for s in item.stages]
    return grading.grade_order([right[k] for k in state["order"]], right)


def _check_order(state: dict, item: content.Ordering) -> None:
    # A click may come before the page has run with the last move.
    _take(order_of([item.stages[k].id for k in state["order"]], _LIST), state, item)
    state["checked"] = True
    share = _grade(state, item).share
    result = "right" if share == 1 else "partly" if share >= 0.5 else "wrong"
    if state["order"] == state.get("answered"):  # the same order checked twice is one answer
        return
    state.update(answered=list(state["order"]), checks=state.get("checks", 0) + 1)
    learner.log(
        "order",
        item.id,
        result,
        turn=f"{state.get('version', 0)} {state['checks']} {state['order']}",
        key="order",
    )
