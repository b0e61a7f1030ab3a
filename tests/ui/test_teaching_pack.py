"""The page for teachers: the syllabus week by week."""

import html

from helpers import open_page

from diffviz.export import slides
from diffviz.lessons import content, syllabus
from diffviz.ui.lessons import teaching_pack
from diffviz.ui.practice import handouts


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


def test_slides_link_to_the_address_at_which_the_page_was_open_when_they_were_offered(monkeypatch):
    offered = {}
    monkeypatch.setattr(slides, "_image", lambda *demo: "")
    monkeypatch.setattr(handouts, "app_url", lambda: "https://example.org/course")
    monkeypatch.setattr(
        teaching_pack.st, "download_button", lambda label, make, *_, **__: offered.update({label: make})
    )
    teaching_pack.for_plan(content.plans()[0])
    monkeypatch.setattr(
        handouts, "app_url", lambda: "http://elsewhere"
    )  # the file is made when it is fetched
    assert b'href="https://example.org/course/reverse?' in offered["Slides (HTML)"]()
