"""The buttons that lead a question on: from the first vote to the discussion, to the second vote, and to the answer."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from diffviz.classroom import activities, results
from diffviz.classroom.activities import Activity
from diffviz.classroom.answers import BLIND
from diffviz.classroom.database import database
from diffviz.classroom.rooms import Room
from diffviz.classroom.votes import Vote
from diffviz.ui.classroom import host

DISCUSSIONS = (1, 2, 3, 5)  # minutes


def show(room: Room, asked: Activity, cast: Sequence[Vote]) -> None:
    """The buttons for where a question is; none once its answer is shown."""
    if asked.phase == "reveal":
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="classroom-steps"):
        if asked.question.kind in BLIND:
            pass  # there is nothing to be convinced of
        elif asked.phase == "vote 1":
            minutes = st.segmented_control(
                "Minutes of discussion",
                DISCUSSIONS,
                default=2,
                key="classroom-minutes",
                required=True,
                width="content",
            )
            label = "Close the vote, discuss"
            _go(room, asked, "discuss", label, ":material/forum:", True, 60 * int(minutes or 2))
        elif asked.phase == "discuss":
            _go(room, asked, "vote 2", "Vote again", ":material/how_to_vote:", True)
            word, icon = ("Hide", "visibility_off") if asked.shown else ("Show", "visibility")
            st.button(
                f"{word} vote 1", icon=f":material/{icon}:", key=f"show-{asked.id}", on_click=host.attempt,
                args=(activities.show_first_vote, database(), room, asked, not asked.shown),
            )  # fmt: skip
            _advice(asked, cast)
        last = asked.phase == "vote 2" or asked.question.kind in BLIND
        _go(room, asked, "reveal", "Reveal", ":material/lightbulb:", last)


def _go(
    room: Room, asked: Activity, phase: str, label: str, icon: str, primary: bool, seconds: int = 0
) -> None:
    st.button(
        label, icon=icon, type="primary" if primary else "secondary", key=f"{phase}-{asked.id}", on_click=host.attempt,
        args=(activities.set_phase, database(), room, asked, phase, seconds),
    )  # fmt: skip


def _advice(asked: Activity, cast: Sequence[Vote]) -> None:
    share = results.share_right(asked.question, results.of_round(cast, 1))
    if share is None:
        return
    with st.popover("How many were right?", icon=":material/percent:", type="tertiary"):
        st.markdown(
            f"**{share:.0%}** were right in vote 1. Discussion has most to gain from about 35 % to 70 %; below, the "
            "concept may need explaining first, and above, a short reason may do (Crouch & Mazur 2001, "
            "doi 10.1119/1.1374249)."
        )
