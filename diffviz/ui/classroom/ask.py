"""What is asked next: a question of the collection, one that a live run answers, or one made up on the spot."""

from __future__ import annotations

from typing import Any

import streamlit as st

from diffviz.classroom import activities, questions, wording
from diffviz.classroom.activities import Draft, free_question
from diffviz.classroom.database import database
from diffviz.classroom.errors import Unfit
from diffviz.classroom.rooms import Room
from diffviz.imaging.encoding import encode_png
from diffviz.lessons import content
from diffviz.lessons.pages import LESSONS
from diffviz.ui.classroom import host, pairs

_COLLECTION, _OWN, _COMPARE = "From the collection", "Your own", "Compare samples"
_ALL = "All lessons"
_FREE = {"choice": "Choice", "number": "Number", "text": "Short text"}


def show(room: Room, turn: int) -> None:
    """Choose a question and ask it; `turn` counts the questions asked, so that each choice begins anew."""
    way = st.segmented_control(
        "Ask",
        (_COLLECTION, _OWN, _COMPARE),
        default=_COLLECTION,
        key="ask-way",
        required=True,
        label_visibility="collapsed",
    )
    {_OWN: _own, _COMPARE: pairs.show}.get(way, _from_collection)(room, turn)


def put(room: Room, draft: Draft, images: tuple[bytes, ...] = ()) -> None:
    """Ask a question: the first vote is open."""
    activities.ask(database(), room, draft, images)


def _from_collection(room: Room, turn: int) -> None:
    kinds = {**questions.KINDS, questions.LIVE: "Answered by a live run"}
    pages = {p.slug: p.title for p in LESSONS}
    with st.container(horizontal=True, vertical_alignment="bottom", key="ask-filters"):
        kind = st.selectbox("Kind", list(kinds), format_func=kinds.__getitem__, key="ask-kind")
        items = {i.id: i for i in content.load(kind)}
        there = [slug for slug in pages if any(i.demo and i.demo.page == slug for i in items.values())]
        lesson = st.selectbox(
            "Lesson", ["", *there], format_func=lambda s: pages.get(s, _ALL), key=f"ask-lesson-{kind}"
        )
    found = {k: i for k, i in items.items() if not lesson or (i.demo and i.demo.page == lesson)}
    chosen = st.selectbox(
        "Question",
        list(found),
        index=None,
        format_func=lambda k: f"{found[k].concept} · {_prompt(found[k])}" if k in found else k,
        placeholder="Type a word of the question or its concept, such as guidance",
        key=f"ask-item-{turn}-{kind}-{lesson}",
    )
    if chosen is None:
        return
    item = found[chosen]
    if isinstance(item, content.Live):
        st.markdown(f"**{item.prompt}**")
        st.caption(
            f"The network runs now, from the class's seed {room.seed}; its run decides which option is right."
        )
        if st.button("Run it and ask", type="primary", icon=":material/play_arrow:", key=f"ask-live-{turn}"):
            _ask_live(room, item)
        return
    draft = questions.of_item(item, room.seed + turn)
    with st.container(border=True):
        st.markdown(f"**{draft.prompt}**")
        if draft.options:
            st.markdown("\n".join(f"- {option.text}" for option in draft.options))
    st.button(
        "Ask the class", type="primary", icon=":material/campaign:", key=f"ask-{turn}", on_click=host.attempt,
        args=(put, room, draft),
    )  # fmt: skip


def _prompt(item: content.Item) -> str:
    prompt: str = getattr(item, "prompt", "")
    return prompt if len(prompt) <= 110 else f"{prompt[:108]}…"


def _ask_live(room: Room, item: content.Live) -> None:
    from diffviz.ui import frame

    frame.load_torch()
    from diffviz.ui.practice import quiz

    run = quiz.pose_question(item, questions.LIVE, room.seed)
    texts, reasons = [o.text for o in run.options], [o.why for o in run.options]
    right = next(i for i, o in enumerate(run.options) if o.right)
    draft = questions.of_live(item, texts, reasons, right, run.titles, run.notes)
    host.attempt(put, room, draft, tuple(encode_png(image) for image in run.images))
    st.rerun()


def _own(room: Room, turn: int) -> None:
    kind = st.segmented_control(
        "Answered by",
        list(_FREE),
        default="choice",
        format_func=_FREE.__getitem__,
        key=f"own-kind-{turn}",
        required=True,
    )
    with st.form(
        f"own-{turn}-{kind}", border=False
    ):  # what is typed is sent with the button, and nothing before
        st.text_area("Question", max_chars=activities.PROMPT_LENGTH, height=90, key=f"own-prompt-{turn}")
        if kind == "choice":
            st.text_area(
                "Options, one a line, with * before the right one if there is one", height=130, key=f"own-options-{turn}",
                placeholder="a wrong one\n* the right one\nanother wrong one",
            )  # fmt: skip
        elif kind == "number":
            with st.container(horizontal=True):
                st.number_input("Right number (if there is one)", value=None, key=f"own-right-{turn}")
                st.number_input("Right within ±", 0.0, value=0.0, key=f"own-tolerance-{turn}")
                st.text_input("Unit", max_chars=20, key=f"own-unit-{turn}")
        else:
            st.caption("Answers come to you first: the class sees those that you let through.")
        st.form_submit_button(
            "Ask the class", type="primary", icon=":material/campaign:", key=f"ask-own-{turn}", on_click=host.attempt,
            args=(_ask_own, room, turn, kind),
        )  # fmt: skip


def _ask_own(room: Room, turn: int, kind: str) -> None:
    """Ask what stands in the form. Raises Unfit."""

    def given(name: str, otherwise: Any) -> Any:
        return st.session_state.get(f"own-{name}-{turn}", otherwise)

    options, right = marked_options(given("options", "")) if kind == "choice" else ([], given("right", None))
    made = free_question(
        kind, given("prompt", ""), options, right, given("unit", ""), given("tolerance", 0.0)
    )
    put(room, made)


def marked_options(typed: str) -> tuple[list[str], int | None]:
    """Options typed one a line, and the index of the one with an asterisk before it. Raises Unfit for several such."""
    # Cleaned before they are counted: a line of nothing that is seen would be left out later, and shift the mark.
    cleaned = (wording.line(line, 8 * activities.OPTION_LENGTH) for line in typed.splitlines())
    lines = [line for line in cleaned if line.strip(" *")]
    marked = [i for i, line in enumerate(lines) if line.startswith("*")]
    if len(marked) > 1:
        raise Unfit("Only one option can be the right one: put * before one line at most.")
    return [line.lstrip("* \t") for line in lines], marked[0] if marked else None
