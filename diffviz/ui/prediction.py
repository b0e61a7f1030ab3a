"""Predict, observe, explain: the learner's guess before a demo runs, and whether it came true."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def ask_prediction(question: str, options: Sequence[str], key: str) -> str | None:
    """Ask for a prediction; the demo runs once one is made. Returns it, or None before."""
    picked = st.pills(question, options, key=key, persist_state="session", wrap=True)
    if picked is None:
        st.caption("Guess first. The demo runs when you have.")
    return picked


def verdict(guess: str, right: str, so: str = "so it is") -> str:
    """How a sentence begins that says whether a guess came true; `so` is how it is agreed to."""
    return f"You said **{guess}**, " + (f"and {so}" if guess == right else f"but here it is **{right}**")
