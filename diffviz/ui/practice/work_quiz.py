"""The work quiz: five scenes, a reason for every option, a retry of what was missed."""

from __future__ import annotations

import random

import streamlit as st

from diffviz.learn import content, grading
from diffviz.ui import learner
from diffviz.ui.practice import common


def _new_quiz() -> dict:
    ids = [i.id for i in content.load("work_quiz")]
    return {"ids": ids, "at": 0, "given": {}, "seed": random.randrange(10**6)}


def show() -> None:
    """Five scenes: answer, confidence, the reason for every option, and a retry of what was missed."""
    every = {i.id: i for i in content.load("work_quiz")}
    state = learner.place("quiz", _new_quiz)
    ids = state["ids"]
    if state["at"] >= len(ids):
        _quiz_summary(state, every)
        return
    item = every[ids[state["at"]]]
    st.progress(state["at"] / len(ids), f"{state['at'] + 1} of {len(ids)}")
    st.caption(item.setting)
    st.header(item.prompt, anchor=False)
    shown = [item.options[k] for k in grading.shuffled(len(item.options), state["seed"] + state["at"])]
    given = state["given"].get(item.id)
    if given is None:
        texts = [o.text for o in shown]
        picked = st.radio("Your answer", texts, index=None, key=f"pick-{item.id}-{state['seed']}")
        sure = st.segmented_control(
            "How sure are you?", common.CONFIDENCE, key=f"sure-{item.id}-{state['seed']}"
        )
        st.button(
            "Answer",
            type="primary",
            disabled=picked is None,
            on_click=_answer,
            args=(state, item, picked, sure),
        )
        return
    picked, sure = given
    right = next(o for o in shown if o.right)
    said = f" You were {sure}." if sure else ""
    if picked == right.text:
        st.success(f"Right. {right.why}{said}", icon=":material/check:")
    else:
        wrong = next(o for o in shown if o.text == picked)
        st.error(f"Not this one: {wrong.why}{said}", icon=":material/close:")
    for option in shown:
        st.markdown(
            f"{':material/check:' if option.right else ':material/close:'} **{option.text}** {option.why}"
        )
    common.demo_link(item.demo)
    last = state["at"] + 1 == len(ids)
    st.button("See the score" if last else "Next", type="primary", on_click=common.advance, args=(state,))


def _answer(state: dict, item: content.Choice, picked: str, sure: str | None) -> None:
    state["given"][item.id] = (picked, sure)
    right = next(o.text for o in item.options if o.right)
    learner.log("work_quiz", item.id, "right" if picked == right else "wrong", sure)


def _quiz_summary(state: dict, every: dict[str, content.Choice]) -> None:
    right = {i: next(o.text for o in every[i].options if o.right) for i in state["ids"]}
    missed = [i for i in state["ids"] if state["given"].get(i, ("",))[0] != right[i]]
    st.header(f"{len(state['ids']) - len(missed)} of {len(state['ids'])} right", anchor=False)
    for i in missed:
        st.markdown(f"- Missed: {every[i].prompt}")
    with st.container(horizontal=True):
        if missed:
            st.button("Retry what was missed", type="primary", on_click=_retry, args=(state, missed))
        st.button("Start over", on_click=common.begin_again, args=("quiz", _new_quiz))


def _retry(state: dict, missed: list[str]) -> None:
    for i in missed:
        state["given"].pop(i, None)
    state.update(ids=missed, at=0, seed=state["seed"] + 100)
