"""Order the process: six stages, moved by buttons, with partial credit."""

from __future__ import annotations

import random

import streamlit as st

from diffviz.learn import content, grading
from diffviz.ui import learner
from diffviz.ui.practice import common


def _new_order() -> dict:
    stages = len(content.load("order")[0].stages)
    return {"order": grading.scrambled(stages, random.randrange(10**6)), "checked": False}


def show() -> None:
    """Six shuffled stages, moved by buttons; feedback names the first that stands wrong, and why."""
    item = content.load("order")[0]
    state = learner.place("order", _new_order)
    st.header(item.prompt, anchor=False)
    for place, k in enumerate(state["order"]):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f"**{place + 1}.** {item.stages[k].text}")
            with st.container(horizontal=True, width="content"):
                for by, name in ((-1, "up"), (1, "down")):
                    st.button(
                        name,
                        key=f"order-{k}-{name}",
                        icon=f":material/arrow_{name}ward:",
                        help=f"Move this stage {name}",
                        disabled=not 0 <= place + by < len(state["order"]),
                        on_click=_move,
                        args=(state, place, by),
                    )
    st.button("Check the order", type="primary", on_click=_check_order, args=(state, item))
    if not state["checked"]:
        return
    result = _grade(state, item)
    if result.first_wrong is None:
        st.success(f"All six stand right. {item.explanation}", icon=":material/check:")
    else:
        stage = item.stages[state["order"][result.first_wrong]]
        st.warning(
            f"{result.pairs_right} of {result.pairs} pairs are in the right order. The first that stands wrong is "
            f"number {result.first_wrong + 1}, “{stage.text}”. {item.stages[result.first_wrong].why}",
            icon=":material/low_priority:",
        )
    common.demo_link(item.demo)


def _move(state: dict, place: int, by: int) -> None:
    order = state["order"]
    order[place], order[place + by] = order[place + by], order[place]
    state["checked"] = False


def _grade(state: dict, item: content.Ordering) -> grading.OrderResult:
    right = [s.id for s in item.stages]
    return grading.grade_order([right[k] for k in state["order"]], right)


def _check_order(state: dict, item: content.Ordering) -> None:
    state["checked"] = True
    share = _grade(state, item).share
    learner.log("order", item.id, "right" if share == 1 else "partly" if share >= 0.5 else "wrong")
