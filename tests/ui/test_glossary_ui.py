import pytest
from helpers import ROOT
from streamlit.testing.v1 import AppTest

from diffviz.lessons import glossary
from diffviz.ui import terms
from diffviz.ui.practice.common import PAGES


def opened(page, **state):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    for key, value in state.items():
        app.query_params[key] = value
    app.switch_page(PAGES[page])
    return app.run()


@pytest.mark.parametrize(
    ("name", "page"),
    [("CFG", "guidance"), ("DDIM", "reverse"), ("ε-prediction", "training"), ("SDEdit", "editing")],
)
def test_the_search_of_the_menu_says_what_a_term_is_and_links_to_the_page_that_shows_it(name, page):
    app = opened("practice", way="self-check")
    app.selectbox(key="find").select(name).run()
    entry = glossary.search(name)[0]
    assert entry.page == page
    assert any(entry.text in c.value for c in app.sidebar.caption)


def test_a_lesson_names_its_objectives_and_its_reading():
    app = opened("forward")
    said = " ".join(m.value for m in app.markdown)
    lesson = glossary.lessons()["forward"]
    assert all(o in said for o in lesson.objectives)
    assert all(glossary.papers()[r.paper].title in said for r in lesson.read)


def test_the_dictionary_finds_a_term_by_another_of_its_names_with_its_formula():
    app = opened("practice", way="dictionary")
    app.text_input(key="dictionary-search").set_value("img2img").run()
    assert not app.exception
    assert any("Image-to-image" in m.value for m in app.markdown)
    assert app.latex


def test_a_term_in_a_lead_is_a_button_that_opens_its_sentence():
    made = terms.with_tips("The noise schedule.")
    assert 'popovertarget="dv-tip-noise-schedule"' in made and 'id="dv-tip-noise-schedule"' in made
    assert glossary.entries()["noise-schedule"].text.split("√")[0] in made
