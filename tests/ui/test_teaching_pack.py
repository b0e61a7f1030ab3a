"""The page for teachers: the syllabus week by week."""

import html

from helpers import open_page

from diffviz.lessons import syllabus
from diffviz.ui.lessons import teaching_pack


def test_a_week_has_an_address_and_shows_its_reading_and_its_lab():
    week = syllabus.weeks()[1]
    app = open_page("teaching", {"week": "Week 2"})
    text = "\n".join(m.value for m in app.markdown)
    assert not app.exception and not app.warning
    assert week.title in text and week.session in text
    assert all(f"]({r.paper.url})" in text for r in week.reading)
    assert "Lab 2" in text


def test_the_printed_syllabus_holds_every_week():
    printed = teaching_pack.sheet()
    for week in syllabus.weeks():
        assert all(html.escape(o) in printed for o in week.objectives)
        assert html.escape(week.session) in printed
