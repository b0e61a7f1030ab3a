"""Controls that live in the address, and links that were written for earlier versions of them."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def page_with_a_renamed_option() -> None:
    import streamlit as st

    from diffviz.ui.controls import Controls
    from diffviz.ui.frame import Page

    titles = {"img2img": "Image-to-image", "inpaint": "Inpainting"}
    formerly = {"Begin with it": "img2img", "Fill a hole": "inpaint"}
    c = Controls(Page(notices=st.container(), arrived=True))
    st.text(c.choice("Part", "do", tuple(titles), "img2img", titles, segmented=True, formerly=formerly))


@pytest.mark.parametrize(
    ("link", "chosen", "warned"),
    [("Inpainting", "inpaint", False), ("Fill a hole", "inpaint", False), ("Dance", "img2img", True)],
)
def test_a_link_with_an_options_former_title_opens_it_without_a_warning(link, chosen, warned):
    app = AppTest.from_function(page_with_a_renamed_option)
    app.query_params["do"] = link
    app.run()
    assert not app.exception
    assert [t.value for t in app.text] == [chosen]
    assert bool(app.warning) == warned
