"""A changed control never empties the page: what was there stays, greyed, until the first of the new comes."""

import re

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live


def one_run(prompt: str) -> None:
    from diffviz.pipelines.text_to_image import Settings
    from diffviz.ui import live

    live.compute(Settings(prompt, steps=2, guidance=1, model="emoji32"), "run")


def one_row(seed: int) -> None:
    import numpy as np
    import streamlit as st

    from diffviz.ui import live
    from diffviz.ui.components import gallery

    def job():
        if st.session_state.get("stop-here"):
            st.stop()
        return np.full((3, 8, 8), seed, np.float32)

    live.image_row("row", seed, [job, job], lambda made: gallery.row(
        [np.full((8, 8, 3), seed, np.uint8)] * len(made), ["a", "b"][: len(made)], ["", ""][: len(made)]))  # fmt: skip


def shown(app):
    return [h.proto.body for h in app.get("html")]


def test_the_run_before_stays_greyed_until_the_first_step_of_the_new_one(idle_network, monkeypatch):
    app = AppTest.from_function(one_run, args=("red heart",), default_timeout=60).run()
    assert not app.exception and not shown(app)  # no run was there before

    def wait(*args, **more):
        st.stop()
        yield

    monkeypatch.setattr("diffviz.ui.turns.paced", wait)
    waiting = AppTest.from_function(one_run, args=("palm tree",), default_timeout=60)
    waiting.session_state["run"] = app.session_state["run"]
    waiting.run()
    assert not waiting.exception
    (html,) = shown(waiting)
    assert 'class="dv-stale"' in html and len(re.findall("<img", html)) == 3
    monkeypatch.undo()


def test_a_stopped_run_is_kept_as_it_was_though_the_page_that_computes_it_adds_a_step(monkeypatch):
    settings = Settings("red heart", steps=4)
    growing = live.Run(settings, ["a step"])
    monkeypatch.setattr(st, "session_state", {"run": growing})
    live._stop("run")
    growing.steps.append("one more")
    growing.decoded["x", 1] = None
    kept = st.session_state["run"]
    assert kept.stopped and kept.settings == settings
    assert kept.steps == ["a step"] and not kept.decoded


@pytest.mark.parametrize("stop", [True, False])
def test_a_row_of_images_stays_greyed_until_the_first_new_one(stop):
    app = AppTest.from_function(one_row, args=(0,), default_timeout=60).run()
    assert not app.exception and "dv-stale" not in shown(app)[0]
    after = AppTest.from_function(one_row, args=(1,), default_timeout=60)
    after.session_state["row-shown"] = app.session_state["row-shown"]
    after.session_state["stop-here"] = stop
    after.run()
    assert not after.exception
    (html,) = shown(after)
    assert ("dv-stale" in html) == stop
    assert len(re.findall("<img", html)) == 2
