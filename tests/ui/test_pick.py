"""What the player makes of a place that the browser says was clicked."""

import pytest
import streamlit as st

from diffviz.ui.components import unet_diagram
from diffviz.ui.components.player import Pick, _fixed, _picked
from diffviz.ui.lessons import unet
from diffviz.ui.lessons.scores import field


@pytest.fixture
def state(monkeypatch):
    found = {}
    monkeypatch.setattr(st, "session_state", found)
    return found


def test_a_place_is_passed_on(state):
    state["key"] = {"pick": {"panel": 1, "frame": 3, "x": 0.25, "y": 0.5}}
    seen = []
    _picked("key", 2, 5, seen.append)
    assert seen == [Pick(1, 3, 0.25, 0.5)]


@pytest.mark.parametrize(
    "sent",
    [None, {}, "a text", {"panel": 2, "frame": 0, "x": 0, "y": 0}, {"panel": 0, "frame": 9, "x": 0, "y": 0},
     {"panel": 0, "frame": 0, "x": float("nan"), "y": 0}, {"panel": 0, "frame": 0, "x": 1.2, "y": 0},
     {"panel": 0, "frame": 0, "x": "left", "y": 0}],
)  # fmt: skip
def test_anything_else_is_not(state, sent):
    state["key"] = {"pick": sent}
    _picked("key", 2, 5, lambda pick: pytest.fail("this is no place"))


def test_a_frame_that_was_fixed_is_passed_on(state):
    state["key"] = {"fix": 4}
    seen = []
    _fixed("key", 5, seen.append)
    assert seen == [4]


@pytest.mark.parametrize("sent", [None, "2", -1, 5, float("nan"), float("inf"), {"frame": 1}, []])
def test_what_is_no_frame_is_not_fixed(state, sent):
    state["key"] = {"fix": sent}
    _fixed("key", 5, lambda frame: pytest.fail("this is no frame"))


@pytest.mark.parametrize(("x", "y", "row", "column"), [(0, 0, 1, 1), (1, 1, 8, 8), (0.3, 0.6, 5, 3)])
def test_attention_looks_from_the_place_clicked(state, x, y, row, column):
    unet._look_from(8, Pick(0, 0, x, y))
    assert (state["attention-row"], state["attention-column"]) == (row, column)


def test_paths_start_where_the_picture_was_clicked_and_within_reach(state):
    field._start_at(Pick(0, 7, 0.5, 0.5))
    assert (state["px"], state["py"], state["pf"]) == (0, 0, 7)
    field._start_at(Pick(0, 0, 1.0, 0.0))
    assert state["px"] == state["py"] == field.REACH


@pytest.mark.parametrize(
    ("sent", "chosen"), [("up.1", ["up.1"]), ("up.9", []), (None, []), ({"name": "up.1"}, [])]
)
def test_a_block_is_passed_on_if_the_network_has_it(state, sent, chosen):
    state["key"] = {"pick": sent}
    seen = []
    unet_diagram._picked("key", frozenset({"up.0", "up.1"}), seen.append)
    assert seen == chosen
