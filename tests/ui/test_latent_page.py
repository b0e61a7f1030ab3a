"""The lesson on latent diffusion, part by part, opened by links."""

from __future__ import annotations

import pytest
from helpers import open_page
from streamlit.testing.v1 import AppTest

from diffviz.analysis.pipeline_parts import CHANGES
from diffviz.ui.lessons.latent import ELSEWHERE, flattening_told


def opened(**state: str) -> AppTest:
    app = open_page("latent", state)
    assert not app.warning and not app.error
    return app


def test_an_image_is_encoded_and_decoded_with_what_was_lost_in_numbers():
    app = opened(latent="Encode and decode")
    shown = " ".join(h.proto.body for h in app.get("html"))
    assert "49,152 numbers" in shown and "2,048 numbers" in shown and "PSNR" in shown
    assert any("24 times fewer" in m.value for m in app.markdown)


def test_moving_a_value_by_nothing_changes_nothing():
    app = opened(latent="Encode and decode", by="0.0")
    assert any("0 pixels changed, in 0 patches" in h.proto.body for h in app.get("html"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "state", [{"process": "forward"}, {"process": "reverse", "seed": "3"}], ids=lambda s: s["process"]
)
def test_both_processes_run_in_latents(state):
    app = opened(latent="Diffuse in latents", **state)
    reverse = state["process"] == "reverse"
    assert any("trained on" in c.value for c in app.caption) == reverse


@pytest.mark.parametrize("middle", ["two images", "two prompts"])
@pytest.mark.slow
def test_images_lie_between_two_ends(middle):
    app = opened(latent="Interpolate", middle=middle)
    assert any("w = 0.50" in h.proto.body for h in app.get("html"))


@pytest.mark.slow
def test_two_noises_are_compared_once_guessed_and_judged_by_what_was_drawn():
    app = opened(latent="Interpolate", middle="two noises")
    assert not any("a standard deviation of" in m.value for m in app.markdown)
    app.pills(key="guess-slerp").set_value("no difference").run()
    assert not app.exception
    told = next(m.value for m in app.markdown if "You said **no difference**" in m.value)
    assert "a standard deviation of" in told


def test_that_the_short_noise_flattens_an_image_is_not_said_where_it_did_not():
    assert "guidance and the network corrected" in flattening_told("no difference", True)
    assert "guidance" not in flattening_told("no difference", False)
    assert not flattening_told("the straight mean", True)


@pytest.mark.slow
def test_the_cost_is_counted_for_the_chosen_steps_and_timed_here():
    one, many = (opened(latent="Cost", steps=steps) for steps in ("1", "30"))
    said = [next(m.value for m in app.markdown if "GFLOP in pixels" in m.value) for app in (one, many)]
    assert "1 guided steps" in said[0] and "30 guided steps" in said[1] and said[0] != said[1]
    assert len(many.metric) == 3


@pytest.mark.slow
@pytest.mark.parametrize("part", list(ELSEWHERE))
def test_every_part_of_the_pipeline_opens_and_can_be_changed(part):
    app = opened(latent="Parts of Stable Diffusion", open=part)
    shown = " ".join(h.proto.body for h in app.get("html"))
    assert all(change in shown for change in CHANGES.get(part, ()))
    assert len(app.table) == 1
