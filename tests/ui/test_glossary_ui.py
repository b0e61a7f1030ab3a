import pytest
from helpers import ROOT
from streamlit.testing.v1 import AppTest

from diffviz.lessons import glossary
from diffviz.lessons.pages import BY_SLUG
from diffviz.ui import terms


def opened(page, **state):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    for key, value in state.items():
        app.query_params[key] = value
    app.switch_page(BY_SLUG[page].file)
    return app.run()


@pytest.mark.parametrize(
    ("name", "page"),
    [("CFG", "guidance"), ("DDIM", "reverse"), ("ε-prediction", "training"), ("SDEdit", "editing")],
)
def test_the_search_of_the_menu_says_what_a_term_is_and_links_to_the_page_that_shows_it(name, page):
    app = opened("practice", way="Self-check")
    app.selectbox(key="find").select(name).run()
    entry = glossary.search(name)[0]
    assert entry.page == page
    assert any(entry.text in c.value for c in app.sidebar.caption)


@pytest.mark.slow
@pytest.mark.parametrize("term", ["ddim", "cfg", "latent"])
def test_a_link_of_the_search_says_above_the_page_what_was_looked_for(term):
    entry = glossary.entries()[term]
    app = opened(entry.page, term=term, **entry.state)
    assert not app.exception and not app.warning
    assert any(m.value.startswith(f"**{entry.term}.** {entry.text}") for m in app.main.markdown)


def test_a_link_with_a_term_that_the_glossary_does_not_have_is_answered_in_place():
    app = opened("practice", way="self-check", term="**nonsense**")
    assert not app.exception
    assert [w.value for w in app.warning] == ["The link names a term that the glossary does not have."]


def test_a_lesson_names_its_objectives_and_its_reading():
    app = opened("forward")
    said = " ".join(m.value for m in app.markdown)
    lesson = glossary.lessons()["forward"]
    assert all(o in said for o in lesson.objectives)
    assert all(glossary.papers()[r.paper].title in said for r in lesson.read)


@pytest.mark.slow
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
