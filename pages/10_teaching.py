"""For teachers: class plans whose every step is a link, and the questions in other tools' formats."""

from diffviz.ui import frame

page = frame.setup_page(
    "For teachers",
    "Class plans in minutes: what to do, what to ask, what you will hear, and the very state of the very page to click "
    "on. Switch <b>Presenter view</b> on in the menu, and the back row can read it.",
    kicker="In class",
)

from diffviz.ui.controls import Controls
from diffviz.ui.lessons import teaching
from diffviz.ui.practice import handouts

teaching.before_class()
teaching.plan(Controls(page))
handouts.show()
