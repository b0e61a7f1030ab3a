"""The page frame: title, menu, presenter's switch, and where notices go.

Imports nothing that imports torch: the frame of a page is on screen before the first image is computed.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs

# Several torch threads stall beside Streamlit's: one a computation, and sessions side by side instead.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from diffviz.imaging.encoding import data_url
from diffviz.lessons import glossary, pages
from diffviz.lessons.pages import BY_SLUG as BY_SLUG
from diffviz.lessons.pages import HOME, Lesson
from diffviz.paths import ASSETS
from diffviz.serving import engine
from diffviz.ui import opening, terms, theme, turns
from diffviz.ui.classroom import bar
from diffviz.ui.components import access, navigation, symbols

T = TypeVar("T")


ICON = ASSETS / "icon.png"
SIDEBAR_WIDTH = 250
TERM = "term"  # the parameter by which a link of the search says what was looked for
LONGEST_TERM = 60  # characters that the search looks at
FOUND = 3  # how many terms the search offers for words that name none


@dataclass(frozen=True)
class Page:
    """What a page needs of its frame: a place for notices above everything else, and how it was come to.

    `carry`: by a link of the menu, so that its controls begin with the values the visitor brings along. Any other link,
    and Back and Forward, name the very state: what they do not name is at its default.
    """

    notices: DeltaGenerator
    carry: bool = False


def setup_page(title: str, lead: str, *, kicker: str = "", slug: str = "") -> Page:
    """Set up the page and show its frame; what every page begins with.

    `lead` is the plain sentence under the title; it may hold HTML of our own, never a visitor's text. A lesson's
    `slug` names its objectives and its reading.
    """
    st.set_page_config(
        page_title=f"{title} · diffviz",
        page_icon=_icon(),
        layout="wide",
        initial_sidebar_state=SIDEBAR_WIDTH,
        menu_items={"About": "diffviz shows a small diffusion model at work, live on this computer's CPU."},
    )
    carry = _arrive(title)
    st.session_state["slug"] = slug
    presenter = _menu(carry)
    st.html(style_sheet(presenter))
    navigation.install()
    access.install()
    symbols.install(terms.symbols())
    bar.show(slug)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="head"):
        with st.container(key="skip", width="content"):
            st.html(access.SKIP)
        st.title(title, anchor=False, width="content")
        if kicker:
            st.html(f'<p class="dv-kicker">{kicker}</p>', width="content")
        if slug:
            _objectives(glossary.lessons()[slug])
    with st.container(key="lead"):
        st.html(f'<p class="dv-lead">{terms.with_tips(lead)}</p>')
    page = Page(st.container(), carry)
    _stopped_note()
    _term_note(page.notices)
    turns.enter(page.notices)
    return page


@functools.cache
def _icon() -> str:
    """Our icon as a data URL: Streamlit would fetch a named one from elsewhere, and read a file at every rerun."""
    return data_url(ICON.read_bytes())


@functools.cache
def style_sheet(presenter: bool) -> str:
    """HTML of the style of every page."""
    return theme.style_sheet(presenter) + f"<style>{terms.CSS}{navigation.CSS}{bar.CSS}</style>"


def first_paint() -> str:
    """HTML for the head of the start page that the server sends: the style, and room for the menu until it comes."""
    return theme.first_paint(terms.CSS + navigation.CSS + bar.CSS + opening.CSS, SIDEBAR_WIDTH)


def _stopped_note() -> None:
    """What is said where the visitor stops a page by the browser's toolbar, when nothing more can be sent.

    So it is sent beforehand, and the style sheet shows it when no script runs and the page has no end (`complete`).
    """
    with st.container(key="stopped", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            "<b>Stopped.</b> What was computed until then is shown; it is not finished, and what follows it is missing."
        )
        st.button(
            "Go on",
            key="go-on",
            icon=":material/play_arrow:",
            help="Compute the page again from its controls",
        )


def complete() -> None:
    """What every page ends with; where it is missing, the page was stopped."""
    bar.follow(st.session_state.get("slug", ""))
    st.html('<span class="dv-complete" hidden></span>')


def _arrive(title: str) -> bool:
    """Whether the visitor came to this page by a link that carries values along.

    On arrival every control begins anew: with what the address says, else with what is carried, else at its default.
    """
    if (again := st.session_state.pop("arrival", None)) is not None:
        st.session_state["page"] = title
        return again
    carry, came = navigation.CARRY in st.query_params, st.session_state.get("page") != title
    if not carry and not came:
        return False
    for key in st.session_state.get("controls", ()):
        st.session_state.pop(key, None)  # Streamlit would bring a value back that was seen on another page
    # Of an address that is gone to, or back to, Streamlit drops what belonged to controls of the page that is left,
    # though this page may have controls of the same names. What was asked for is put back whole.
    context = get_script_run_ctx()
    asked = parse_qs(context.query_string, keep_blank_values=True) if context else {}
    if carry:
        asked.pop(navigation.CARRY, None)
        del st.query_params[navigation.CARRY]
    lost = {k: v for k, v in asked.items() if k not in st.query_params and not k.startswith("embed")}
    if lost:
        st.query_params.update(lost)
    if carry or lost:
        arrive_again(carry)
    st.session_state["page"] = title
    return False


def arrive_again(carry: bool) -> None:
    """Begin the page again, as on arrival, with the address as it is now."""
    st.session_state["arrival"] = carry
    st.rerun()


def _term_note(notices: DeltaGenerator) -> None:
    """The glossary's sentence on the term that a link of the search names (`?term=ddim`), above what shows it."""
    key = st.query_params.get(TERM)
    if key is None:
        return
    entry = glossary.entries().get(key)
    if entry is None:
        notices.warning("The link names a term that the glossary does not have.")
        return
    formula = f" ${entry.formula}$" if entry.formula else ""
    notices.container(key="term", border=True).markdown(f"**{entry.term}.** {entry.text}{formula}")


def _objectives(lesson: glossary.Lesson) -> None:
    """Two buttons at the end of the line: what a lesson is for, and what to know before."""
    with st.container(horizontal=True, gap="small", key="objectives", width="content"):
        with st.popover("You will be able to …", icon=":material/flag:", type="tertiary"):
            st.markdown("\n".join(f"- {objective}" for objective in lesson.objectives))
        with st.popover("You should know …", icon=":material/checklist:", type="tertiary"):
            for known in lesson.know:
                st.markdown(f"- {known.text}")
                if known.page:
                    link(BY_SLUG[known.page])
                elif known.term:
                    st.caption(glossary.entries()[known.term].text)


def read_more() -> None:
    """The end of a page: the papers of its lesson, and what to read each for; a page that is no lesson has none."""
    complete()
    lesson = glossary.lessons().get(st.session_state.get("slug", ""))
    if lesson is None:
        return
    st.header("Read more", anchor=False)
    papers = [(glossary.papers()[r.paper], r.what) for r in lesson.read]
    st.markdown("\n".join(f"- {p.cite}, [{p.title}]({p.url}) ({p.where}): {what}." for p, what in papers))


def lesson_list() -> None:
    """Links to all pages in the groups of the menu, each with a line on what it shows."""
    with st.container(key="lessons", gap=None):
        for group, lessons in pages.groups():
            with st.container(gap=None):
                st.html(f'<h3 class="dv-kicker">{group}</h3>')
                for lesson in lessons:
                    link(lesson, label=f"**{lesson.title}**")
                    st.caption(lesson.blurb)


def _find() -> None:
    """A search for terms of the field; what is found is said here, with a link to the page that shows it.

    A name is offered while it is typed; other words, misspelt ones too, are looked up on Enter as in the dictionary.
    """
    wanted = st.selectbox(
        "Find a term", list(glossary.names()), index=None, key="find", placeholder="Find: CFG, DDIM …",
        filter_mode="contains", accept_new_options=True, label_visibility="collapsed",
    )  # fmt: skip
    if wanted is None:
        return
    wanted = wanted[:LONGEST_TERM]
    found = glossary.search(wanted, FOUND)
    if not found:
        st.caption("No term comes near that.")
    elif glossary.normal(wanted) in map(glossary.normal, found[0].names):
        found = found[:1]  # it was named, so nothing else was meant
    for entry in found:
        st.caption(f"**{entry.term}.** {entry.text}")
        if entry.page:
            state = {TERM: entry.id, **entry.state}
            link(BY_SLUG[entry.page], icon=":material/arrow_forward:", query_params=state, width="stretch")


def _menu(carry: bool) -> bool:
    """The menu in the sidebar; returns whether presenter view is on."""
    with st.sidebar, st.container(key="menu", gap=None):
        st.html('<p class="dv-kicker">diffviz</p>')
        _find()
        link(HOME, width="stretch")
        for group, lessons in pages.groups():
            st.html(f'<p class="dv-kicker">{group}</p>')
            for lesson in lessons:
                link(lesson, width="stretch")
        restore_control("presenter", carry, "false")
        with st.container(key="menu-end", horizontal=True, vertical_alignment="center", gap="small"):
            on = st.toggle(
                "Presenter view",
                key="presenter",
                bind="query-params",
                help="Larger type and controls, readable from the back row",
            )
            _engine_switch(carry)
        remember_control("presenter", on, False, "true")
        return on


ENGINES = {
    "torch": "torch, the reference",
    "openvino": "OpenVINO, float32",
    "openvino-bf16": "OpenVINO, bfloat16",
}


def _engine_switch(carry: bool) -> None:
    """The arithmetic of the visitor's own runs, where there is a choice."""
    offered = engine.offered()
    if not offered:
        return
    default = engine.chosen()
    restore_control("engine", carry, default)
    with st.popover(
        "Arithmetic",
        icon=":material/tune:",
        type="tertiary",
        help="Arithmetic: what evaluates the network in your runs",
    ):
        name = st.selectbox(
            "Arithmetic",
            offered,
            offered.index(default),
            key="engine",
            bind="query-params",
            help="; ".join(f"{name}: {said}" for name, said in ENGINES.items()),
        )
        if said := engine.difference(name):
            st.caption(said)
    remember_control("engine", name, default)
    st.session_state["engine-chosen"] = name


_NEEDS_TORCH = "diffviz.pipelines.text_to_image"
_loading = threading.Event()  # set while `warm` imports


def warm() -> threading.Thread:
    """Import in the background what nearly every page needs, so that a server's first visitor does not wait for it.

    The thread is no daemon: a server that ends meanwhile lets an import of torch end first, which cannot be cut short.
    """

    def load() -> None:
        try:
            importlib.import_module(_NEEDS_TORCH)
        finally:
            _loading.clear()

    _loading.set()
    thread = threading.Thread(target=load, name="warm")
    thread.start()
    return thread


def load_torch() -> None:
    """Import what needs torch, or wait for `warm` to have done so, saying so where it takes seconds."""
    if "torch" not in sys.modules or _loading.is_set():
        with st.spinner("Loading the network: a few seconds, for the first visitor only …"):
            importlib.import_module(_NEEDS_TORCH)
    engine.activate()
    engine.use_here(st.session_state.get("engine-chosen"))


def link(lesson: Lesson, label: str | None = None, icon: str | None = None, **more: Any) -> None:
    """A link to a page of the app."""
    st.page_link(lesson.file, label=label or lesson.title, icon=icon or lesson.icon, **more)


def restore_control(key: str, carry: bool, default: str) -> None:
    """Before a control is made: after a link that carries values along, give it the one the visitor brought.

    A value in the address counts more. Streamlit drops a bound control's value and its place in the address
    when the page changes, so both are set again; `default`, as the address would spell it, has no place there.
    """
    st.session_state.setdefault("controls", set()).add(key)
    carried: dict[str, tuple[object, str]] = st.session_state.get("carried", {})
    if carry and key in carried and key not in st.query_params and carried[key][1] != default:
        st.session_state[key], written = carried[key]
        with suppress(
            StreamlitAPIException
        ):  # of a control that this page has already, which writes it by itself
            st.query_params[key] = written


def remember_control(key: str, value: T, default: T, written: str | None = None) -> T:
    """After a control is made: remember its value for the other pages, and pass it on.

    `written` is how the address spells it, where that is not simply its text. A value that was brought along stays with
    the visitor on a page whose default it is.
    """
    carried = st.session_state.setdefault("carried", {})
    if value == default:
        if key in carried and carried[key][0] != value:
            del carried[key]
    else:
        carried[key] = (value, str(value) if written is None else written)
    return value


def closing_question(question: str, answer: str) -> None:
    """The question that a demo ends in, with the answer folded away."""
    st.header("Before you go on", anchor=False)
    st.markdown(f"**{question}**")
    with st.expander("Compare with our answer"):
        st.markdown(answer)


def next_part(key: str, titles: Mapping[str, str], part: str) -> None:
    """A link to the part after this one, under the key of the tabs (`Controls.parts`); the last part has none."""
    after = list(titles)[list(titles).index(part) + 1 :]
    if not after:
        return
    with st.container(key="next-part"):
        st.button(
            f"Next part: {titles[after[0]]}",
            key=f"{key}-next",
            icon=":material/arrow_forward:",
            on_click=_go_to_part,
            args=(key, after[0]),
        )


def _go_to_part(key: str, part: str) -> None:
    st.session_state[key] = part


def next_lesson(lesson: Lesson, why: str) -> None:
    """A sentence and a link to the next lesson."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(why, width="content")
        link(lesson, icon=":material/arrow_forward:")
    read_more()
