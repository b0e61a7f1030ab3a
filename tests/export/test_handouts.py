"""The teachers' page offers every file of every format, and says what each holds of what was chosen."""

from helpers import open_page

from diffviz import export
from diffviz.export import Selection

TEACHING = "teaching"
FILES = [file for files in export.FORMATS.values() for file in files]


def offered(app):
    """Each download button's label with whether it can be pressed."""
    return {b.proto.label: not b.proto.disabled for b in app.get("download_button")}


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
