"""Teaching: class plans with a link for each step, a syllabus with labs, and the questions as files for other tools."""

from diffviz.ui import frame

page = frame.setup_page(
    "For teachers",
    "Class plans, minute by minute: what to do, what to ask, which answers to expect, and links that open each demo in "
    "the state you need, with slides and worksheets; and a course of six weeks with lab notebooks. <b>Presenter view</b> "
    "in the menu enlarges everything for the back row.",
    kicker="Teaching",
)

from diffviz.ui.controls import Controls
from diffviz.ui.lessons import teaching, teaching_pack
from diffviz.ui.practice import handouts

teaching.before_class()
c = Controls(page)
teaching_pack.course(c)
teaching.plan(c)
handouts.show()
frame.complete()
