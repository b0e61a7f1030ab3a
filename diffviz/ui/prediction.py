"""Predict, observe, explain: the learner's guess before a demo is seen, and whether it came true.

The results stand behind the question (`locked`), blurred, until a guess is made or the learner asks to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import streamlit as st

from diffviz.ui.classroom import bar

UNASKED = ""  # the guess of who chose to be shown
_LAST = "prediction-asked"  # in the session: the prediction that this run of the page asked for last


def ask_prediction(question: str, options: Sequence[str], key: str) -> str | None:
    """Ask for a prediction. Returns it, UNASKED for who chose to be shown, or None before either."""
    shown = f"{key}-shown"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        picked = st.pills(question, options, key=key, persist_state="session", wrap=True, width="content")
        if picked is None and not st.session_state.get(shown):
            _offer_to_show(key, shown)
        _offer_to_class(question, options, key)
    return picked or (UNASKED if st.session_state.get(shown) else None)


def ask_on_stage(question: str, key: str) -> str | None:
    """As `ask_prediction`, for a guess that the learner makes on the stage: whoever reads it there keeps it in `key`."""
    shown, guess = f"{key}-shown", st.session_state.get(key)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(question, width="content")
        if guess is not None or st.session_state.get(shown):
            st.button("Guess again", key=f"{key}-anew", type="tertiary", on_click=_forget, args=(key, shown))
        else:
            _offer_to_show(key, shown)
        _offer_to_class(question.split("**")[1] if "**" in question else question, (), key)
    return guess or (UNASKED if st.session_state.get(shown) else None)


def _offer_to_show(key: str, shown: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        st.caption("Guess first.", width="content")
        args = ({shown: True},)
        st.button("Show me", key=f"{key}-show", type="tertiary", on_click=st.session_state.update, args=args)


def _offer_to_class(question: str, options: Sequence[str], key: str) -> None:
    """For the host of an open room: a button that puts the prediction to the class."""
    st.session_state[_LAST] = key
    bar.ask_prediction(st.session_state.get("slug", ""), key, question, options)


def _forget(*keys: str) -> None:
    for key in keys:
        st.session_state.pop(key, None)


def locked(guess: str | None, key: str) -> AbstractContextManager[object]:
    """A container for results: blurred and out of reach as long as there is no guess."""
    return st.container(key=f"locked-{key}" if guess is None else f"open-{key}")


def verdict(guess: str, right: str, so: str = "so it is") -> str:
    """How a sentence begins that says whether a guess came true; `so` is how it is agreed to.

    A class that was asked the same is told what is right, too.
    """
    bar.settle(st.session_state.get("slug", ""), st.session_state.get(_LAST, ""), right)
    if guess == UNASKED:
        return f"The answer here: **{right}**"
    return f"You said **{guess}**, " + (f"and {so}" if guess == right else f"but here it is **{right}**")
