"""Progress: how each concept stands, what to do next, and the learner's own data."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import streamlit as st

from diffviz.learn import content, review
from diffviz.learn.store import StoreError
from diffviz.ui import learner


def show() -> None:
    """How each concept stands, what to do next, and the learner's own copy of it all."""
    who, store = learner.identity_now(), learner.store()
    events = store.events(who)
    items = [
        i
        for kind in ("self_check", "order", "predictions", "work_quiz", "flashcards")
        for i in content.load(kind)
    ]
    standing = review.standings(events, items)
    waiting = review.due(events, [c.id for c in content.load("flashcards")], datetime.now(UTC))
    st.header("Where you stand", anchor=False)
    st.info(review.advice(standing, len(waiting)), icon=":material/lightbulb:")
    st.markdown(f"{len(events)} answers so far · {len(waiting)} flashcards due")
    for s in standing:
        share = s.credit * s.done / s.total
        last = f", {s.credit:.0%} right at the last try" if s.done else ""
        st.progress(share, f"{s.concept}: {s.done} of {s.total} answered{last}")
    st.header("Your data", anchor=False)
    st.markdown("Kept on this server under a random id in your browser. Nothing about you is asked for.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download",
            json.dumps(store.export(who)),
            "diffviz-progress.json",
            "application/json",
            on_click="ignore",
        )
        if st.session_state.get("erase-asked"):
            st.button("Yes, erase everything", type="primary", on_click=_erase)
            st.button("No", on_click=lambda: st.session_state.pop("erase-asked"))
        else:
            st.button("Erase …", on_click=lambda: st.session_state.update({"erase-asked": True}))
    file = st.file_uploader("Bring in a download from another browser", type="json")
    if file is not None:
        try:
            st.success(f"{store.absorb(who, json.loads(file.getvalue()))} answers were added.")
        except (StoreError, ValueError) as error:
            st.error(
                str(error) if isinstance(error, StoreError) else "This file is not an export of diffviz."
            )


def _erase() -> None:
    learner.erase()
    st.session_state.pop("erase-asked")
