"""The bar over each lesson while a room is open: how to join, the question that is on, and what the phones are offered.

It is drawn for the host alone, in a fragment: pressing something in it does not run the lesson again. A visitor who
hosts no room costs no look at the database, and the page is the same as without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from diffviz.classroom import activities, rooms, state, votes
from diffviz.classroom.activities import Activity, Choice, Draft
from diffviz.classroom.database import database
from diffviz.classroom.errors import ClassroomError
from diffviz.classroom.rooms import Follow, Room
from diffviz.lessons.content import Demo
from diffviz.lessons.pages import BY_SLUG, CLASSROOM
from diffviz.ui.classroom import figures, host, offer, plan_run, steps
from diffviz.ui.components import navigation, wall

_NOT_A_STATE = {
    "presenter",
    "engine",
    "term",
    navigation.CARRY,
    plan_run.PARAM,
}  # parameters that belong to one screen
CSS = f"""
:has(> .st-key-class-bar) {{ position: sticky; top: 0; z-index: 95; background: var(--dv-ground); }}
.st-key-room-bar {{ border-bottom: 1px solid var(--dv-line-strong); padding: 0 2rem .15rem 0; min-height: 2.9rem; }}
.st-key-room-bar .stHorizontalBlock {{ row-gap: 0; }}
.st-key-room-bar .stPageLink a {{ white-space: nowrap; }}
@media (min-width: 1100px) {{ .st-key-room-bar .stHorizontalBlock {{ flex-wrap: nowrap; }}
  .st-key-room-bar .stHorizontalBlock > :not(:first-child) {{ flex: 0 0 auto; width: auto; }} }}
@media (max-width: 640px) {{ :has(> .st-key-class-bar) {{ position: relative; }} }}
{plan_run.CSS}"""


def show(slug: str) -> None:
    """Draw the bar over the lesson `slug` for the host of an open room, and under it that of a plan that is run."""
    hosting, run = bool(slug) and host.may_be_host(), plan_run.current()
    if not hosting:
        st.session_state.pop(offer.ROOM, None)
    if not hosting and run is None:
        return
    with st.container(key="class-bar", gap=None):
        if hosting:
            _bar(slug)
        if run is not None:
            plan_run.show(run)


@st.fragment
def _bar(slug: str) -> None:
    st.session_state.pop(offer.ROOM, None)
    try:
        if (wrong := host.problem()) is not None:
            st.error(wrong)
        mine = host.current()
        if mine is None or not mine.room.is_open(database().clock()):
            return
        _of_room(slug, mine.room)
    except ClassroomError as error:
        st.error(str(error))


def _of_room(slug: str, room: Room) -> None:
    db = database()
    _, counts = state.of_room(db, room.id)
    with db.read() as connection:
        now = activities.current(connection, room.id)
        cast = votes.of_activity(connection, now.id) if now else []
    st.session_state[offer.ROOM], st.session_state[offer.NOW] = room, now
    st.session_state["follow-me"] = room.follow is not None  # a toggle on another page begins as it was here
    with (
        st.container(key="room-bar"),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        address = host.app_address().partition("://")[2]
        wall.show(room.code, f"{address}/c", "", "bar", counts, "room-counts")
        if now is not None:
            _question(room, now, cast)
        st.toggle("Follow me", key="follow-me", on_change=_follow, args=(slug, room), width="content")
        st.page_link(CLASSROOM.file, label=CLASSROOM.title, icon=CLASSROOM.icon, width="content")


def _question(room: Room, now: Activity, cast: list[votes.Vote]) -> None:
    """The question that is on and what leads it on, folded away from the demo."""
    with st.popover("Question", icon=":material/how_to_vote:", type="tertiary"):
        st.html(figures.sheet() + figures.question(now, cast))
        for sentence in figures.summary(now.question, cast) if now.phase == "reveal" else ():
            st.markdown(sentence)
        steps.show(room, now, cast)


# --- follow me -------------------------------------------------------------------------------------------------


def _here(slug: str) -> Follow:
    """This page in the state that its address holds."""
    held = {
        key: value
        for key, value in st.query_params.to_dict().items()
        if key not in _NOT_A_STATE and not key.startswith("embed")
    }
    return Follow(slug, held, BY_SLUG[slug].title)


def _follow(slug: str, room: Room) -> None:
    wanted = _here(slug) if st.session_state["follow-me"] else None
    host.attempt(rooms.offer_page, database(), room, wanted)


def follow(slug: str) -> None:
    """At the end of a lesson, when its address is final: what the phones are offered goes with the host."""
    room = offer.room()
    if room is None or room.follow is None or slug not in BY_SLUG:
        return
    here = _here(slug)
    if here != room.follow:
        host.attempt(rooms.offer_page, database(), room, here)
        st.session_state[offer.ROOM] = replace(room, follow=here)


# --- predictions -----------------------------------------------------------------------------------------------


def ask_prediction(slug: str, key: str, question: str, options: Sequence[str]) -> None:
    """A button that puts a lesson's prediction to the class: a choice, or a number where there are no options."""
    if offer.room() is not None and slug in BY_SLUG:
        make = partial(_draft, slug, key, _plain(question), tuple(map(_plain, options)))
        offer.button(_source(slug, key), make, f"{key}-class")


def _draft(slug: str, key: str, question: str, options: tuple[str, ...]) -> Draft:
    here = _here(slug)
    return Draft(
        "choice" if options else "number",
        question,
        options=tuple(Choice(option) for option in options),
        source=_source(slug, key),
        demo=Demo(slug, here.label, dict(here.state)),
    )


def settle(slug: str, key: str, right: str) -> None:
    """A run has shown which option of a prediction is right: the class's question learns it, where it is the one asked."""
    room, now = offer.room(), offer.asked(_source(slug, key))
    if room is None or now is None:
        return
    texts = [option.text for option in now.question.options]
    if now.question.right is None and _plain(right) in texts:
        host.attempt(activities.settle, database(), room, now, texts.index(_plain(right)))


def _source(slug: str, key: str) -> str:
    return f"{slug}/{key}"


def _plain(text: str) -> str:
    """A text without the marks of Markdown, for the phones."""
    return re.sub(r"[*`]", "", text)
