"""The teachers' page offers every file of every format, and says what each holds of what was chosen."""

from types import SimpleNamespace

import pytest
from helpers import open_page

from diffviz import export
from diffviz.export import Selection
from diffviz.ui.practice import handouts

TEACHING = "teaching"
FILES = [file for files in export.FORMATS.values() for file in files]


def offered(app):
    """Each download button's label with whether it can be pressed."""
    buttons = [b.proto for b in app.get("download_button") if "-handout-" in b.proto.id]
    return {button.label: not button.disabled for button in buttons}


def test_there_is_a_button_for_each_file_with_what_it_holds():
    app = open_page(TEACHING, {})
    assert not app.exception
    assert offered(app) == {file.title: True for file in FILES}
    shown = " ".join(m.value for m in app.markdown)
    assert all(file.holds(export.EVERYTHING) in shown and file.about in shown for file in FILES)


def test_a_choice_of_concept_and_level_changes_what_is_offered():
    app = open_page(TEACHING, {})
    app.multiselect(key="handout-concepts").set_value(["licences and law"])
    app.pills(key="handout-levels").set_value(["easy", "medium"]).run()
    assert not app.exception
    chosen = Selection(("licences and law",), ("easy", "medium"))
    assert offered(app) == {file.title: not file.is_empty(chosen) for file in FILES}
    shown = " ".join(m.value for m in app.markdown).lower()
    assert all(file.holds(chosen) in shown for file in FILES) and "no cards" in shown


@pytest.mark.parametrize(
    ("opened", "app"),
    [
        ("http://localhost:8501/teaching", "http://localhost:8501"),
        ("https://example.org/course/teaching?plan=x", "https://example.org/course"),
    ],
)
def test_links_lead_to_the_address_at_which_the_page_is_open(monkeypatch, opened, app):
    monkeypatch.setattr(handouts.st, "context", SimpleNamespace(url=opened))
    assert handouts.app_url() == app


def test_links_are_made_when_they_are_asked_for():
    app = open_page(TEACHING, {})
    app.checkbox(key="handout-links").check().run()
    assert not app.exception and offered(app)
