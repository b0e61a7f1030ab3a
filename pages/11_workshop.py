"""Workshop: a working pipeline beside one with a classic mistake in it, to be found from images and curves."""

from diffviz.ui import frame

page = frame.setup_page(
    "Workshop: find the bug",
    "Two sampling pipelines run side by side on the same prompts and seeds. One of them has a mistake that was made in "
    "real projects. Find it from what you see, read the two lines of code, and mend it.",
    slug="workshop",
    kicker="Under the hood · debugging",
)


frame.load_torch()

from diffviz.ui import live
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import workshop
from diffviz.ui.sampling_controls import seed_control
from diffviz.ui.stage import layout

live.vocabulary(workshop.MODEL)
c = Controls(page)
stage = layout()
with stage.controls:
    case = c.choice(
        "Broken pipeline", "bug", tuple(workshop.TITLES), next(iter(workshop.TITLES)), workshop.TITLES
    )
    with stage.more():
        seed = seed_control(c)
with stage.below:
    workshop.show(stage, case, seed)

frame.closing_question(
    "Most of these pipelines run without an error and give plausible images. Which checks would have caught them?",
    "Compare with something known: run the pipeline against a trusted implementation from the same noise, or where the "
    "answer is exact. Log the RMS of the network's input at every step: it should stay near 1 (0.7 to 1 here; in "
    "latents guidance lifts it, up to 1.5). Look at "
    "several images of a batch, with different prompts and one prompt twice. Set the guidance scale to 1 and check that "
    "guidance is off.",
)
frame.next_lesson(frame.BY_SLUG["practice"], "Bugs like these come up in practice too:")
