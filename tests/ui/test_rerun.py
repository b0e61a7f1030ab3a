"""A rerun that changes nothing makes nothing again: what `python -m bench.rerun` measures, by what is called."""

import threading
from collections import Counter

import numpy as np
import pytest
from helpers import link_to, open_page

from diffviz.analysis import forward_trajectory, frame_captions, latents, unet_probe
from diffviz.analysis.guidance_analysis import CondUncond
from diffviz.bounded import BoundedCache
from diffviz.diffusion.schedules import Schedule
from diffviz.imaging import encoding, pixels, uploads
from diffviz.models.denoiser import Denoiser
from diffviz.models.unet import UNet
from diffviz.pipelines import trajectory
from diffviz.toy import diffusion2d, scores
from diffviz.ui import cache

# What takes long enough to be seen in the cost of a rerun.
WORK = {
    made.__code__
    for made in (
        encoding.encode_png, trajectory.sprite_sheet, pixels.to_uint8, pixels.mosaic, uploads.resize,
        frame_captions.split_layout_detail, CondUncond.clipped, unet_probe.by_variance, latents.encode, latents.decode,
        diffusion2d.scatter_image, diffusion2d.mean_nn_distance, diffusion2d.Diffusion.path, scores.Mixture.score,
        Schedule.inverse_log_snr, UNet.forward,
        Denoiser.predict,  # also of what the tests remember, for which `forward` is not called
    )
}  # fmt: skip
LARGE = np.zeros(100_000, np.uint8)  # the scaling of a single small image costs nothing that could be seen
QUICK = {"net": "32 × 32, quick", "steps": "3"}


OPENED = [
    ("forward", {"T": "10"}), ("training", QUICK), ("reverse", QUICK), ("guidance", QUICK), ("memorization", QUICK),
    ("editing", QUICK), ("scores", {}), ("latent", {}),
    ("editing", {**QUICK, "do": "Inpainting"}),
    ("generative_models", {}), ("unet", {}),
    ("workshop", {}), ("steps", QUICK),
]  # fmt: skip
PARTS = [
    ("guidance", {**QUICK, "show": "Guidance scale"}), ("guidance", {**QUICK, "show": "Guidance interval"}),
    ("guidance", {**QUICK, "show": "Negative prompt"}),
    ("steps", {**QUICK, "part": "Samplers at equal NFE"}), ("steps", {**QUICK, "part": "One step or many"}),
    ("guidance", {**QUICK, "show": "Prompt ablation"}),
    ("scores", {"part": "Three samplers"}), ("scores", {"part": "Flow matching"}),
]  # fmt: skip


def named(value):
    return value if isinstance(value, str) else value.get("do") or value.get("show") or value.get("part", "")


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "state"), OPENED, ids=named)
def test_an_unchanged_rerun_makes_nothing_again(slug, state):
    app = open_page(slug, state)
    app.run()  # what was shown while it was computed is shown as finished
    assert not made_again(app)


@pytest.mark.slow
# But for the page of the U-Net: it evaluates the network anew for the block that the visitor looks into.
@pytest.mark.parametrize(("slug", "state"), [one for one in OPENED if one[0] != "unet"] + PARTS, ids=named)
def test_whoever_opens_a_page_that_another_visitor_has_open_is_given_what_was_computed(slug, state):
    """A class that opens one link has the server compute it once."""
    open_page(slug, state)
    assert not any(
        name.startswith(("predict of", "forward of", "score of")) for name in made_again(link_to(slug, state))
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slug", "state", "guesses"),
    [
        (
            "training", {"learn": "Train a small network"},
            {"guess-train": "later or never", "guess-target": "no difference"},
        ),
        ("generative_models", {"beside": "VAE, GAN, diffusion"}, {"guess-ways": "no difference"}),
        ("generative_models", {"beside": "Flow matching and reflow"}, {"guess-straight": "straight"}),
        ("generative_models", {"beside": "Distillation"}, {"guess-once": "hardly better than that"}),
    ],
    ids=["targets", "models", "flow", "distillation"],
)  # fmt: skip
def test_an_unchanged_rerun_after_a_training_makes_nothing_again(slug, state, guesses):
    app = open_page(slug, {**state, "train": "100"})
    for key, guess in guesses.items():
        app.pills(key=key).set_value(guess).run()
        assert not app.exception
    assert app.session_state["trained"]
    assert not made_again(app)


def test_the_forward_trajectory_that_is_shown_on_arrival_is_computed_once(monkeypatch):
    taken, states = [], forward_trajectory.forward_states

    def counted(*given):
        for state in states(*given):
            taken.append(state[0])
            yield state

    monkeypatch.setattr(cache, "_shared", BoundedCache(cache.SHARED_BYTES))  # no other test has computed it
    monkeypatch.setattr(forward_trajectory, "forward_states", counted)
    open_page("forward", {"T": "10"}).run()
    assert taken == list(range(11))


def made_again(app):
    """What of WORK a rerun of a page does, and how often."""
    again: Counter[str] = Counter()

    def count(frame, event, _):
        if (
            event == "call"
            and frame.f_code in WORK
            and frame.f_locals.get("images", LARGE).nbytes >= LARGE.nbytes
        ):
            again[f"{frame.f_code.co_name} of {frame.f_back.f_code.co_name}"] += 1

    threading.setprofile(count)  # of threads that begin now: a page runs in one of its own
    try:
        app.run()
    finally:
        threading.setprofile(None)
    assert not app.exception
    return again
