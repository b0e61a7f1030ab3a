"""The page of the host: open a room, ask, vote, discuss, vote again, reveal, and take the results home."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import partial

import segno
import streamlit as st

from diffviz.classroom import activities, results, rooms, state, votes
from diffviz.classroom.activities import Activity
from diffviz.classroom.answers import BLIND
from diffviz.classroom.database import database
from diffviz.classroom.errors import ClassroomError
from diffviz.classroom.votes import Vote
from diffviz.imaging.encoding import data_url
from diffviz.ui import frame, printing
from diffviz.ui.classroom import ask, figures, host, mosaic, report, steps
from diffviz.ui.classroom.host import Host
from diffviz.ui.components import gallery, wall
from diffviz.ui.practice import common

_CARD = "classroom-shown-answers"


def show(page: frame.Page) -> None:
    """The whole page: without a room the way to one, else the room as it is now."""
    notice = page.notices.container()
    try:
        mine = host.current()
        if (wrong := host.problem()) is not None:
            notice.error(wrong)
        if mine is None:
            _welcome()
        else:
            wall.keep_host(mine.room.code, mine.secret, "host-cookie")
            _room(mine)
    except ClassroomError as error:
        notice.error(str(error))


def _welcome() -> None:
    if st.session_state.pop("classroom-left", False):
        wall.keep_host("", "", "host-cookie")
    with st.container(horizontal=True, vertical_alignment="bottom", key="open-room"):
        title = st.text_input(
            "Name of the class (if you like)", max_chars=rooms.TITLE_LENGTH, key="room-title", width=320
        )
        nicknames = st.toggle(
            "Nicknames", value=True, key="room-nicknames", help="Who joins may give a nickname."
        )
        st.button(
            "Open a room", type="primary", icon=":material/meeting_room:", on_click=host.open_room, args=(title, nicknames),
            key="open",
        )  # fmt: skip
    st.markdown(
        "1. **Open a room.** Students join with their phones, by a code or its QR code; no account, no app.\n"
        "2. **Ask** one of the questions of the lessons, or your own. Everybody votes alone; the wall shows only how many "
        "have voted.\n"
        "3. **Peer instruction.** Let neighbours convince each other, have the class vote again, and then open the demo "
        "whose run settles it. You see who changed to what, and the misconception behind each wrong option."
    )
    st.caption(
        f"A room ends by itself after {rooms.HOURS} hours. Its results can be downloaded for {rooms.DAYS_KEPT} days and "
        "erased at once. A room that you opened in another browser is reached by its host's link."
    )


def _room(mine: Host) -> None:
    db, room = database(), mine.room
    _, counts = state.of_room(db, room.id)
    asked = report.collect(db, room)
    now = asked[-1] if asked else None
    lobby = now is None and counts["open"]
    if counts["open"]:
        address = host.app_address()
        short = f"{address.partition('://')[2]}/c"
        wall.show(
            room.code, short, qr(f"{address}/c/{room.code}"), "lobby" if lobby else "strip", counts, "wall"
        )
        if host.is_local(address.partition("://")[2].partition(":")[0]):
            st.warning(
                "Phones cannot reach this address: this computer is in no network, or the server listens to it alone. "
                "Another address can be set under Room."
            )
    else:
        st.info(
            f"Room {room.code} has ended. Its results stay for {rooms.DAYS_KEPT} days, unless you erase them."
        )
    st.html(figures.sheet())
    if now and (counts["open"] or now.activity.phase == "reveal"):
        _question(mine, now.activity, now.cast)
    if counts["open"]:
        if now is None or now.activity.phase == "reveal":
            st.header("Ask the next question" if now else "Ask the first question", anchor=False)
            ask.show(room, len(asked))
        else:
            with st.popover("Ask another instead", icon=":material/skip_next:", type="tertiary"):
                ask.show(room, len(asked))
        mosaic.show(room)
    _host_bar(mine, asked, counts["open"])


@st.cache_data(max_entries=64, show_spinner=False)
def qr(address: str) -> str:
    """A QR code of an address, as an image's source."""
    buffer = io.BytesIO()
    segno.make(address, error="m").save(buffer, kind="svg", border=3, scale=8, dark="#000", light="#fff")
    return data_url(buffer.getvalue(), "image/svg+xml")


# --- one question ----------------------------------------------------------------------------------------------


def _question(mine: Host, asked: Activity, cast: tuple[Vote, ...]) -> None:
    draft = asked.question
    with st.container(key="round"):
        blind = draft.kind in BLIND  # until the answer the images are on the phones alone
        if not blind:
            _images(mine, asked)
        if asked.phase == "reveal":
            answer, aside = st.columns([3, 2], gap="large")
            answer.html(figures.question(asked, cast))
            with aside:
                _settle(asked, cast)
            if blind:
                _images(mine, asked, 110)  # below what the class found
        else:
            st.html(figures.question(asked, cast))
            if blind and st.toggle("Show the result as it comes", key=f"live-{asked.id}"):
                _as_it_comes(asked)
        steps.show(mine.room, asked, cast)
        if draft.kind == "text":
            _moderate(mine, asked)


def _settle(asked: Activity, cast: tuple[Vote, ...]) -> None:
    """The run that settles a question, and who changed to what."""
    draft = asked.question
    if draft.demo:
        with st.container(key="settle"):
            common.demo_link(draft.demo, width="content")
    for sentence in figures.summary(draft, cast):
        st.markdown(sentence)
    if draft.kind == "choice" and (ribbons := figures.flow(draft, cast)):
        wall.draw(ribbons, f"flow-{asked.id}")
    if draft.kind == "tell":
        _chart(asked, cast)


def _chart(asked: Activity, cast: Sequence[Vote]) -> None:
    told = results.told_apart(asked.question, results.of_round(cast, 1))
    if drawn := figures.told_chart(asked.question, told):
        wall.draw(drawn, f"told-{asked.id}")


@st.fragment(run_every=2.0)
def _as_it_comes(asked: Activity) -> None:
    """What a blind comparison has found so far: that sways nobody, as no image bears a name."""
    with database().read() as connection:
        cast = votes.of_activity(connection, asked.id)
    for sentence in figures.summary(asked.question, cast):
        st.markdown(sentence)
    if asked.question.kind == "tell":
        _chart(asked, cast)
    else:
        st.html(f'<div class="dv-room">{figures.found(asked.question, cast)}</div>')


def _images(mine: Host, asked: Activity, wanted: int = 160) -> None:
    draft = asked.question
    if not draft.titles:
        return
    number = (
        len(draft.options) if draft.kind == "tell" else len(draft.titles)
    )  # one set shows what was told apart
    pngs = [activities.image(database(), mine.room, asked.id, place) for place in range(number)]
    notes = draft.notes[:number] if asked.phase == "reveal" else [""] * number
    st.html(gallery.row_of_png(pngs, draft.titles[:number], notes, wanted=wanted))


def as_typed(text: str) -> str:
    """A text as Markdown that shows it as it was typed."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)  # ASCII punctuation, all of which has an escape


def _moderate(mine: Host, asked: Activity) -> None:
    with st.popover("Let answers through", icon=":material/checklist:"):
        _texts(mine, asked)


@st.fragment(run_every=3.0)
def _texts(mine: Host, asked: Activity) -> None:
    """The texts that came in so far, each to be let through to the class."""
    db = database()
    with db.read() as connection:
        cast = votes.of_activity(connection, asked.id)
    newest = results.of_round(cast, 2) or results.of_round(cast, 1)
    if not newest:
        st.caption("No answers yet.")
    for vote in newest:
        key = f"text-{vote.id}"
        st.session_state.setdefault(key, vote.approved)
        st.checkbox(
            as_typed(vote.answer), key=key, on_change=lambda v=vote.id, k=key: host.attempt(
                activities.approve, db, mine.room, asked, v, bool(st.session_state[k])
            ),
        )  # fmt: skip
    if asked.phase == "reveal" and newest:
        st.button("Show them on the wall", key=f"texts-{asked.id}", on_click=lambda: None, type="primary")


# --- the host's own things -------------------------------------------------------------------------------------


def _host_bar(mine: Host, asked: list[report.Asked], is_open: bool) -> None:
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="host-bar"):
        if st.session_state.get("classroom-link"):
            _link(mine)
        if is_open:
            _settings(mine)
            _lost(mine)
        _end(mine, is_open)
    if asked:
        _results(mine, asked)


def _link(mine: Host) -> None:
    """The host's link, folded away from the wall, until the host has kept it."""
    with st.popover("Your host's link (shown once)", icon=":material/key:"):
        st.markdown(
            "Whoever opens this link is the host of this room: use it for a second device, or keep it for the results. "
            "**It is on the wall while this is open.**"
        )
        st.code(f"{host.app_address()}/host#{mine.room.code}.{mine.secret}", language=None, wrap_lines=True)
        st.button(
            "I have kept it", key="link-kept", on_click=st.session_state.pop, args=("classroom-link", None)
        )


def _settings(mine: Host) -> None:
    room = mine.room
    with st.popover("Room", icon=":material/settings:"):
        st.session_state.setdefault(f"nicknames-{room.code}", room.nicknames)
        st.toggle(
            "Nicknames", key=f"nicknames-{room.code}", help="Switched off, those given are removed.",
            on_change=lambda: host.attempt(
                rooms.allow_nicknames, database(), room, bool(st.session_state[f"nicknames-{room.code}"])
            ),
        )  # fmt: skip
        st.text_input(
            "Address for phones", value=host.app_address(), key="phones-address", max_chars=200,
            on_change=lambda: host.set_address(st.session_state["phones-address"]),
            help="Where phones reach this server; empty it for a guess.",
        )  # fmt: skip
        st.caption(f"The class's seed is {room.seed}; each phone has one of its own.")


def _lost(mine: Host) -> None:
    """The curve of "I'm lost", drawn when it is asked for."""
    with st.popover("I’m lost", icon=":material/help:"):
        _lost_curve(mine)


@st.fragment(run_every=5.0)
def _lost_curve(mine: Host) -> None:
    db = database()
    points = results.lost_curve(db, mine.room)
    drawn = figures.curve(points, mine.room.opened_at, db.clock())
    if drawn:
        wall.draw(drawn, "lost-curve")
        st.caption("How many had pressed “I’m lost”, over the minutes of the class.")
    else:
        st.caption("Nobody has pressed “I’m lost”.")


def _end(mine: Host, is_open: bool) -> None:
    room = mine.room
    if is_open:
        with st.popover("Close the room", icon=":material/door_front:"):
            st.markdown("Nobody can join or vote any more. The results stay.")
            st.button(
                "Close it now", key="close", on_click=host.attempt, args=(rooms.close_room, database(), room)
            )
    with st.popover("Erase", icon=":material/delete:"):
        st.markdown(
            "The room, its questions and all votes are erased from the server at once. This cannot be undone."
        )
        st.button(
            "Erase everything now", type="primary", key="erase", on_click=host.attempt, args=(_erase, mine)
        )
    if not is_open:
        st.button("Open another room", key="leave", icon=":material/meeting_room:", on_click=host.leave)


def _erase(mine: Host) -> None:
    rooms.erase_room(database(), mine.room)
    host.leave()


def _results(mine: Host, asked: list[report.Asked]) -> None:
    with st.expander("Results of this class", icon=":material/table_chart:"):
        # The last question's result is not shown here before it is shown to the class.
        told = [one for one in asked if one.activity.phase == "reveal"]
        if told:
            st.html(figures.table([one.line() for one in told], "Results by question"))
        if met := report.misconceptions(told):
            st.markdown("**Misconceptions met in first votes**")
            rows = [{"Belief": belief, "Votes": str(n)} for belief, n in met]
            st.html(figures.table(rows, "Misconceptions"))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.download_button(
                "Every vote (CSV)", partial(results.as_csv, database(), mine.room), f"diffviz-{mine.room.code}.csv",
                "text/csv", key="results-csv", on_click="ignore", icon=":material/download:",
            )  # fmt: skip
            printing.button("Print the results", report.page(mine.room, asked), "print-results")
