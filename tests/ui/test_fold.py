"""Folds whose content is made once they are opened."""

import pytest
from helpers import open_folds
from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from diffviz.ui.fold import fold

    st.session_state.drawn = st.session_state.get("drawn", 0)

    def draw():
        st.session_state.drawn += 1
        st.code("x = 1")

    fold("The code", "code", draw)


def test_what_is_in_a_fold_is_made_only_while_it_is_open():
    app = AppTest.from_function(page, default_timeout=60).run()
    assert [e.label for e in app.expander] == ["The code"]
    assert not app.code and app.session_state.drawn == 0
    assert open_folds(app) == {"fold-code"}
    assert app.code[0].value == "x = 1" and app.session_state.drawn == 1


@pytest.mark.slow
@pytest.mark.browser
def test_a_fold_opens_in_the_browser_and_stays_open_when_the_page_runs_again(tab):
    page = tab.open("/forward?T=10")
    code = page.get_by_test_id("stCode")
    assert not code.count()
    with tab.runs.another():
        page.get_by_text("The code that ran").click()
    code.first.wait_for()
    with tab.runs.another():
        page.get_by_text("Presenter view", exact=True).click()
    assert code.first.is_visible()
    with tab.runs.another():
        page.get_by_text("The code that ran").click()
    code.first.wait_for(state="hidden")
