"""The shell of every lesson: the question, the main image, one strip of controls, and the text below.

The image comes first and is sized from the window (`components/player`); on a phone it stays in sight while the
controls scroll. What is seldom changed lies in a popover of the strip, which opens over the page and moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def more(self) -> Iterator[None]:
        """The drawer at the end of the strip, for controls that are seldom changed; made once the strip is full.

        What the address sets of the controls made in it is written beside it, so that a link hides nothing.
        """
        # Before and after: Streamlit takes a value that is no good out of the address, a carried one is put there.
        asked = st.query_params.to_dict()
        with self.controls.popover("More", icon=":material/tune:", key="more"), _keys_made() as keys:
            yield
        asked |= st.query_params.to_dict()
        if changed := [f"{key} {PLAIN.sub('', value)}" for key, value in asked.items() if key in keys]:
            # The style sheet puts it on a line of its own below the strip: a link may set much.
            self.controls.container(key="more-set").caption(f"In **More**: {', '.join(changed)}")


@contextmanager
def _keys_made() -> Iterator[set[str]]:
    """The keys of the controls that are made within, known at the end of it."""
    # `frame.restore_control` notes each control here, those of all pages.
    noted: set[str] = st.session_state.setdefault("controls", set())
    keys, earlier = set[str](), noted.copy()
    noted.clear()
    try:
        yield keys
    finally:  # the same set is filled again: where a page stops within, Streamlit lets no other be put in its place
        keys |= noted
        noted |= earlier


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
