"""A button on a lesson that puts a question to the class of this host, while a room is open."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from diffviz.classroom import activities
from diffviz.classroom.activities import Activity, Draft
from diffviz.classroom.database import database
from diffviz.classroom.errors import Refused
from diffviz.classroom.rooms import Room
from diffviz.ui.classroom import host

# In the session: the open room of this host and the question it is at, as the bar saw them last.
ROOM, NOW = "classroom-room", "classroom-now"


def room() -> Room | None:
    """The open room of this host, without a look at the database; None for anybody else."""
    return st.session_state.get(ROOM)


def asked(source: str) -> Activity | None:
    """The question that the class is at, where it has this source."""
    now: Activity | None = st.session_state.get(NOW)
    return now if now is not None and now.question.source == source else None


@st.fragment
def button(source: str, make: Callable[[], Draft], key: str, kind: str = "tertiary") -> None:
    """Ask what `make` makes, a question of this source; pressing it does not run the lesson again."""
    now = asked(source)
    on = now is not None and now.phase != "reveal"
    st.button(
        "Asked: the class votes" if on else "Ask the class", key=key, type=kind, disabled=on,  # type: ignore[arg-type]
        icon=":material/campaign:", on_click=host.attempt, args=(_put, make),
        help="Puts this question to the open room.",
    )  # fmt: skip


def _put(make: Callable[[], Draft]) -> None:
    if (of := room()) is None:
        raise Refused("The room has ended.")
    st.session_state[NOW] = activities.ask(database(), of, make())
