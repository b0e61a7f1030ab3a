"""The page frame: title, menu, presenter's switch, and where notices go.

Imports nothing that imports torch: the frame of a page is on screen before the first picture is computed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# Torch with several threads beside Streamlit's stalls: one per call, and sessions run side by side instead.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from diffviz.ui import theme


@dataclass(frozen=True)
class Lesson:
    """One page of the app, in the order of the menu."""

    file: str
    title: str
    icon: str
    blurb: str


ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.png"
SIDEBAR_WIDTH = 230
CARRIED = ("prompt", "style", "seed", "presenter")  # what a visitor takes along from page to page

HOME = Lesson("app.py", "Start", ":material/home:", "")
LESSONS = (
    Lesson(
        "pages/1_forward.py",
        "1 · Adding noise",
        ":material/grain:",
        "Bury a picture in static, one small step at a time. Nothing is learned here, and that is the trick.",
    ),
    Lesson(
        "pages/2_reverse.py",
        "2 · Taking it away",
        ":material/auto_awesome:",
        "Ask a small network for a picture and watch it appear out of static, step by step.",
    ),
)


@dataclass(frozen=True)
class Page:
    """What a page needs of its frame: a place for notices above everything else."""

    notices: DeltaGenerator


def begin(title: str, lead: str, *, kicker: str = "") -> Page:
    """Set up the page and draw its frame; the first call of every page.

    `lead` is the plain sentence under the title; it may hold HTML of our own, never a visitor's text.
    """
    st.set_page_config(
        page_title=f"{title} · diffviz",
        page_icon=str(ICON),  # a file of ours: Streamlit would fetch a named icon from elsewhere
        layout="wide",
        initial_sidebar_state=SIDEBAR_WIDTH,
        menu_items={"About": "diffviz shows a small diffusion model at work, live on this computer's CPU."},
    )
    presenter = _menu()
    st.html(theme.style_sheet(presenter))
    if kicker:
        st.html(f'<p class="dv-kicker">{kicker}</p>')
    st.title(title, anchor=False)
    st.html(f'<p class="dv-lead">{lead}</p>')
    return Page(st.container())


def _menu() -> bool:
    with st.sidebar:
        st.html('<p class="dv-kicker">diffviz</p>')
        for lesson in (HOME, *LESSONS):
            link(lesson, width="stretch")
        st.space("small")
        return st.toggle(
            "Presenter view",
            key="presenter",
            bind="query-params",
            persist_state="session",
            help="Larger type and controls, readable from the back row",
        )


def link(lesson: Lesson, label: str | None = None, icon: str | None = None, **more: object) -> None:
    """A link to a page that takes the visitor's prompt, style and seed along."""
    st.page_link(
        lesson.file, label=label or lesson.title, icon=icon or lesson.icon, query_params=_carried(), **more
    )


def _carried() -> dict[str, str]:
    # The address holds every bound control that is not at its default; a control that this page shows and the
    # address does not name is at its default, so nothing of it is carried on.
    carried: dict[str, str] = st.session_state.setdefault("carried", {})
    for key in CARRIED:
        if key in st.query_params:
            carried[key] = st.query_params[key]
        elif key in st.session_state:
            carried.pop(key, None)
    return dict(carried)


def ask(question: str, answer: str) -> None:
    """The question that a demo ends in, with the answer folded away."""
    st.subheader("Before you go on", anchor=False)
    st.markdown(f"**{question}**")
    with st.expander("Compare with our answer"):
        st.markdown(answer)


def go_on(lesson: Lesson, why: str) -> None:
    """A sentence and a link to the next lesson."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(why, width="content")
        link(lesson, icon=":material/arrow_forward:")
