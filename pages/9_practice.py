"""Practice: a quick round, answers in one's own words, the process put in order, and a dictionary."""

from diffviz.ui import frame

page = frame.setup_page(
    "Practice",
    "Answer from memory first, then compare: recall keeps more than rereading. Every question links to the demo that "
    "shows its answer.",
    slug="practice",
)

import streamlit as st

from diffviz.lessons.pages import TEACHING
from diffviz.ui import learner, practice
from diffviz.ui.controls import Controls
from diffviz.ui.practice import cards

chosen = Controls(page).linked("Exercise", "way", practice.TITLES, practice.FORMERLY)
exercise = practice.EXERCISES[chosen]
learner.identify()
cards.show(chosen, practice.TITLES, learner.events())
with st.container(key="exercise"):
    exercise.show()
if exercise.progress_key:
    learner.save_progress(exercise.progress_key)
else:
    learner.report()
frame.link(
    TEACHING, "These questions as files: Anki, Canvas, Moodle, GIFT, CSV, PDF", icon=":material/download:"
)
frame.read_more()
