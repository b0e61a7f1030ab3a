"""Practise: check yourself, put the process in order, a work quiz, flashcards, an interview deck, a dictionary."""

from diffviz.ui import frame

page = frame.setup_page(
    "Check yourself",
    "Recall beats rereading: answer first, in your own words, then compare. Every question links to the demo that "
    "shows its answer.",
    slug="practice",
    kicker="Lesson 9 · practice",
)

from diffviz.ui import learner, practice
from diffviz.ui.controls import Controls
from diffviz.ui.practice import handouts

way = Controls(page).choice(
    "Way to practise", "way", tuple(practice.EXERCISES), "practise now", segmented=True
)
learner.identify()
practice.EXERCISES[way]()
if way in practice.KEYS:
    learner.save_progress(practice.KEYS[way])
handouts.show()
frame.read_more()
