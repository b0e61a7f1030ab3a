"""Classroom: a room that phones join, questions, two votes with a discussion between, and the run that settles it."""

from diffviz.ui import frame

page = frame.setup_page(
    "Classroom",
    "Your class joins with its phones. Ask, have everybody vote alone, let neighbours discuss, vote again, and open the "
    "demo that shows the answer: peer instruction, with a model that runs before the class.",
    kicker="Teaching",
)

from diffviz.ui.classroom import room

room.show(page)
frame.complete()
