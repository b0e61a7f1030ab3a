"""Practise: check yourself, put the process in order, a work quiz, flashcards, an interview deck, a dictionary."""

from diffviz.ui import frame

page = frame.begin(
    "Check yourself",
    "Recall beats rereading: answer first, in your own words, then compare. Every question links to the demo that "
    "shows its answer.",
    kicker="Lesson 4 · practice",
)

import streamlit as st

from diffviz.ui import learn_view
from diffviz.ui.controls import Controls

way = Controls(page).choice("Way to practise", "way", tuple(learn_view.PARTS), "self-check", segmented=True)
st.caption("What you answer is kept while this visit lasts, and nowhere else.")
learn_view.PARTS[way]()
