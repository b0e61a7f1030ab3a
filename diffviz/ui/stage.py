"""The shell of every lesson: the question, the main image, one strip of controls, and the text below.

The image comes first and is sized from the window (`components/player`); on a phone it stays in sight while the
controls scroll. What is seldom changed lies in a popover of the strip, which opens over the page and moves nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

PLAIN = re.compile(r"[^\w .,+×∅ε₀-]")  # what of a visitor's text is left out where it is repeated


@dataclass(frozen=True)
class Stage:
    """The places of a lesson, from top to bottom; a page writes into them in the order in which it computes."""

    question: DeltaGenerator
    picture: DeltaGenerator
    controls: DeltaGenerator
    below: DeltaGenerator

    def more(self, *keys: str) -> DeltaGenerator:
        """The drawer at the end of the strip, for controls that are seldom changed; made once the strip is full.

        What the address sets of its `keys` is written beside it, so that a link hides nothing.
        """
        changed = [f"{key} {PLAIN.sub('', st.query_params[key])}" for key in keys if key in st.query_params]
        if changed:
            self.controls.caption(f"In **More**: {', '.join(changed)}", width="content")
        return self.controls.popover("More", icon=":material/tune:", key="more")


def layout() -> Stage:
    """Lay out the places of a lesson where the page has come to.

    Streamlit leaves out a container that is empty, unless it has a border: the image's must be there, to keep its room,
    before the controls below it come. The style sheet takes the border away.
    """
    return Stage(
        st.container(key="question"),
        st.container(key="stage", border=True),
        st.container(key="strip", horizontal=True, vertical_alignment="bottom", gap="small"),
        st.container(key="below"),
    )
