"""The questions for a course of one's own: a teacher chooses concepts and levels, and downloads files for other tools."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

import streamlit as st

from diffviz import export
from diffviz.lessons import content


def show() -> None:
    """An expander with the choice of what to export, and a button for each file with what it holds."""
    with st.expander("For your own course: Anki, Canvas, Moodle, GIFT, CSV, PDF", icon=":material/download:"):
        choice = st.columns([2, 1])
        concepts = choice[0].multiselect(
            "Concepts", list(content.concepts()), key="handout-concepts", placeholder="All concepts"
        )
        levels = choice[1].pills(
            "Level", content.DIFFICULTIES, selection_mode="multi", key="handout-levels",
            help="None chosen is all of them.",
        )  # fmt: skip
        linked = st.checkbox(
            "Link each question to its demo, at the address where this page is open now", key="handout-links"
        )
        selection = export.Selection(tuple(concepts), tuple(levels), app_url() if linked else "")
        for name, files in export.FORMATS.items():
            for file in files:
                _row(name, file, selection)
        st.caption(
            "Questions that a live run answers are in none of them. The same files come from the command line: "
            "`diffviz export --format anki --concept guidance --level easy`."
        )


def _row(name: str, file: export.ExportFile, selection: export.Selection) -> None:
    button, about = st.columns([1, 3], vertical_alignment="center")
    button.download_button(
        file.title,
        partial(file.make, selection),
        file.name,
        file.mime,
        key=f"handout-{file.name}",
        help=f"{file.name}, as `diffviz export {name}` writes it",
        on_click="ignore",
        disabled=file.is_empty(selection),
        width="stretch",
    )
    about.markdown(f"**{_sentence(file.holds(selection))}** {file.about}")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def app_url() -> str:
    """The address of the app, without the page that is open."""
    parts = urlsplit(st.context.url or "http://localhost:8501")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rsplit('/', 1)[0]}"
