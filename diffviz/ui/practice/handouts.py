"""Downloads of the questions for other tools; each file is made when its button is pressed."""

from __future__ import annotations

import streamlit as st

# (label, kind of `diffviz.export`, file, MIME type, what it is)
FILES = (
    (
        "Anki deck",
        "anki",
        "diffviz.apkg",
        "application/octet-stream",
        "Flashcards, self-check and interview questions with pictures, drawn when you press: some seconds",
    ),
    ("Canvas quiz", "qti", "diffviz-quiz.zip", "application/zip", "QTI 1.2, with feedback for each option"),
    (
        "Moodle quiz",
        "moodle",
        "diffviz-quiz.xml",
        "application/xml",
        "Multiple choice with feedback, and the self-check as essays",
    ),
    ("Table", "csv", "diffviz-questions.csv", "text/csv", "Everything in one CSV"),
    ("Quiz on paper", "pdf", "diffviz-quiz.pdf", "application/pdf", "A PDF with an answer key"),
    ("Cards on paper", "pdf", "diffviz-cards.pdf", "application/pdf", "A PDF with one flashcard a page"),
)


def _make(kind: str, file: str) -> bytes:
    from diffviz import export  # imports torch, which is slow: only when a file is asked for

    return export.KINDS[kind]()[file]


def show() -> None:
    """An expander with a button for each format."""
    with st.expander("For your own course: Anki, Canvas, Moodle, CSV, PDF", icon=":material/download:"):
        st.markdown(
            "All questions but those that a live run answers, with their explanations. The same files come from "
            "`python -m diffviz export anki` (or `qti`, `moodle`, `csv`, `pdf`)."
        )
        with st.container(horizontal=True):
            for label, kind, file, mime, about in FILES:
                st.download_button(
                    label,
                    lambda kind=kind, file=file: _make(kind, file),
                    file,
                    mime,
                    key=f"handout-{file}",
                    help=about,
                    on_click="ignore",
                )
