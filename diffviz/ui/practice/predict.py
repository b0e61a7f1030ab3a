"""Predict, then look: a guess and its reason, answered by a live run."""

from __future__ import annotations

import streamlit as st

from diffviz.lessons import content
from diffviz.ui import learner
from diffviz.ui.practice import common


def _new_predictions() -> dict:
    return {"at": 0, "picked": {}, "why": {}, "looked": []}


def show() -> None:
    """Commit to a prediction and the reason for it, then the live model shows what happens."""
    items = content.load("predictions")
    state = learner.load_progress("predict", _new_predictions)
    if state["at"] >= len(items):
        st.header("All three are settled", anchor=False)
        st.button("Start over", on_click=common.restart_exercise, args=("predict", _new_predictions))
        return
    item = items[state["at"]]
    st.progress(state["at"] / len(items), f"{state['at'] + 1} of {len(items)}")
    st.header(item.prompt, anchor=False)
    committed = item.id in state["looked"]
    before = state["picked"].get(item.id)
    at = item.options.index(before) if before else None
    picked = st.radio("Your prediction", item.options, at, key=f"predict-{item.id}", disabled=committed)
    why = st.text_input(
        "Because …", state["why"].get(item.id, ""), max_chars=200, key=f"why-{item.id}", disabled=committed
    )
    if not committed:
        ready = picked is not None and why.strip() != ""
        st.button(
            "Commit and look",
            type="primary",
            disabled=not ready,
            on_click=_commit,
            args=(state, item, picked, why),
        )
        if not ready:
            st.caption("Choose, and give a reason in a line: then the model shows what happens.")
        return
    from diffviz.ui.practice.live_answers import ANSWERS  # needs torch: not for those who only read

    ANSWERS[item.id]()
    verdict = "as you said" if before == item.answer else f"and not “{before}”"
    st.markdown(f"The answer: **{item.answer}**, {verdict}. {item.reason}")
    st.markdown("Your reason was:")
    st.text(state["why"][item.id])
    common.demo_link(item.demo)
    st.button("Next", type="primary", on_click=common.advance, args=(state,), key=f"next-{item.id}")


def _commit(state: dict, item: content.Prediction, picked: str, why: str) -> None:
    state["picked"][item.id], state["why"][item.id] = picked, why
    state["looked"].append(item.id)
    learner.log("predictions", item.id, "right" if picked == item.answer else "wrong")
