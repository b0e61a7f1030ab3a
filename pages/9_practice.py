"""Practice: recall, ordering, quizzes, predictions, flashcards, interview questions and a dictionary."""

from diffviz.ui import frame

page = frame.setup_page(
    "Practice",
    "Answer from memory first, then compare: recall keeps more than rereading. Every question links to the demo that "
    "shows its answer.",
    slug="practice",
    kicker="Practice",
)

from diffviz.ui import learner, practice
from diffviz.ui.controls import Controls
from diffviz.ui.practice import handouts

chosen = Controls(page).parts("way", practice.TITLES, practice.FORMERLY, "Exercise")
exercise = practice.EXERCISES[chosen]
learner.identify()
exercise.show()
if exercise.progress_key:
    learner.save_progress(exercise.progress_key)
else:
    learner.report()
handouts.show()
frame.read_more()
