"""What is asked next: a question of the collection, one that a live run answers, or one made up on the spot."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from diffviz.classroom import activities, questions
from diffviz.classroom.activities import Draft, free_question
from diffviz.classroom.database import database
from diffviz.classroom.errors import Unfit
from diffviz.classroom.rooms import Room
from diffviz.lessons import content
from diffviz.lessons.pages import LESSONS
from diffviz.ui.classroom import host

_COLLECTION, _OWN = "From the collection", "Your own"
_ALL = "All lessons"
_FREE = {"choice": "Choice", "number": "Number", "text": "Short text"}
_NO_RIGHT = "none: an opinion"


def show(room: Room, turn: int) -> None:
    """Choose a question and ask it; `turn` counts the questions asked, so that each choice begins anew."""
    way = st.segmented_control(
        "Ask",
        (_COLLECTION, _OWN),
        default=_COLLECTION,
        key="ask-way",
        required=True,
        label_visibility="collapsed",
    )
    (_own if way == _OWN else _from_collection)(room, turn)


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
    _button(room, turn, lambda: draft)


def _prompt(item: content.Item) -> str:
    prompt: str = getattr(item, "prompt", "")
    return prompt if len(prompt) <= 110 else f"{prompt[:108]}…"


def _ask_live(room: Room, item: content.Live) -> None:
    from diffviz.ui import frame

    frame.load_torch()
    from diffviz.pipelines.trajectory import encode_png
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
    prompt = st.text_area("Question", max_chars=activities.PROMPT_LENGTH, height=90, key=f"own-prompt-{turn}")
    options: list[str] = []
    right: float | int | None = None
    unit, tolerance = "", 0.0
    if kind == "choice":
        typed = st.text_area("Options, one a line", height=130, key=f"own-options-{turn}")
        options = [line.strip() for line in typed.splitlines() if line.strip()]
        picked = (
            st.selectbox("Right", [_NO_RIGHT, *options], key=f"own-right-{turn}") if options else _NO_RIGHT
        )
        right = options.index(picked) if picked in options else None
    elif kind == "number":
        with st.container(horizontal=True):
            right = st.number_input("Right number (if there is one)", value=None, key=f"own-number-{turn}")
            tolerance = st.number_input("Right within ±", 0.0, value=0.0, key=f"own-tolerance-{turn}")
            unit = st.text_input("Unit", max_chars=20, key=f"own-unit-{turn}")
    else:
        st.caption("Answers come to you first: the class sees those that you let through.")

    def made() -> Draft:
        return free_question(kind, prompt, options, right, unit, tolerance)

    _button(room, turn, made, disabled=not prompt.strip())


def _button(room: Room, turn: int, make: Callable[[], Draft], disabled: bool = False) -> None:
    problem = ""
    try:
        draft = make() if not disabled else None
    except Unfit as error:
        draft, problem = None, str(error)
    st.button(
        "Ask the class", type="primary", icon=":material/campaign:", key=f"ask-{turn}", disabled=draft is None,
        on_click=host.attempt, args=(put, room, draft),
    )  # fmt: skip
    if problem:
        st.caption(problem)
