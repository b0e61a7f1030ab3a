"""The network on latents on every page: each part opens with it, and no sentence says of latents what holds of pixels."""

from __future__ import annotations

import pytest
import torch
from helpers import open_page
from streamlit.testing.v1 import AppTest

from diffviz.evaluation import results
from diffviz.models import checkpoints
from diffviz.models.autoencoder import Decoder

NET = {"net": "128 × 128, in latents"}
UNTRUE = (
    "[−1, 1]", "[-1, 1]", "clip}_{", "clipped to", "clipped again", "and clipping", "that was clipped", "no average of "
    "images",
    "in the space of images", "pixel row", "medium grey. L",
)  # fmt: skip
PARTS = [
    ("training", {"learn": "One training example"}),
    ("training", {"learn": "One training example", "target": "v-prediction"}),
    ("training", {"learn": "Loss by timestep"}),
    ("reverse", {"steps": "4"}),
    ("reverse", {"steps": "4", "guidance": "1.0"}),
    ("reverse", {"steps": "4", "panels": "xₜ, x̂₀, conditional x̂₀(c)"}),
    ("steps", {"part": "Number of steps"}),
    ("steps", {"part": "Samplers at equal NFE", "calls": "3"}),
    ("steps", {"part": "Measured quality"}),
    ("steps", {"part": "One step or many"}),
    ("steps", {"part": "Blind test"}),
    ("guidance", {"show": "Classifier-free guidance"}),
    ("guidance", {"show": "Guidance scale"}),
    ("guidance", {"show": "Guidance interval"}),
    ("guidance", {"show": "Negative prompt", "prompt": "heart"}),
    ("guidance", {"show": "Classifier guidance", "prompt": "cat face"}),
    ("editing", {"do": "Image-to-image"}),
    ("editing", {"do": "Inpainting"}),
    ("memorization", {}),
    ("unet", {"inside": "Switches"}),
    ("unet", {"inside": "Embeddings"}),
]
# What records the inside of the network needs the network itself.
INSIDE = [
    ("guidance", {"show": "Prompt ablation", "prompt": "face with tongue"}),
    ("unet", {"inside": "Blocks and activations"}),
    ("unet", {"inside": "Attention"}),
]


@pytest.fixture
def cheap(idle_network, monkeypatch):
    """The network evaluates to its input, and the decoder to the first three channels: a page's parts in no time."""
    monkeypatch.setattr(
        Decoder, "forward", lambda self, z: torch.nn.functional.interpolate(z[:, :3], scale_factor=8.0)
    )


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.latex]
    return "\n".join([*(p.value for p in parts), *(h.proto.body for h in app.get("html"))])


def told(app: AppTest) -> AppTest:
    """The page once every prediction is answered by “show me”."""
    for _ in range(3):
        keys = [b.key for b in app.button if b.label.lower().startswith("show me")]
        if not keys:
            break
        app.button(key=keys[0]).click().run()
        assert not app.exception
    return app


def check(app: AppTest) -> None:
    assert not app.warning and not app.error
    assert app.session_state["net"] == checkpoints.LATENT
    text = said(app)
    assert not [
        phrase for phrase in UNTRUE if phrase in text.replace("not clipped", "").replace("is none", "")
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slug", "state"), PARTS, ids=lambda v: v if isinstance(v, str) else "-".join(v.values())
)
def test_every_part_works_in_latents_and_says_nothing_that_holds_of_pixels_alone(slug, state, cheap):
    check(told(open_page(slug, state | NET)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slug", "state"), INSIDE, ids=lambda v: v if isinstance(v, str) else "-".join(v.values())
)
def test_what_is_inside_the_network_can_be_looked_at(slug, state):
    check(told(open_page(slug, state | NET)))


@pytest.mark.slow
def test_the_autoencoder_is_read_only_once_a_page_needs_it(cheap, monkeypatch):
    reads, kept = [], checkpoints.read_autoencoder
    monkeypatch.setattr(checkpoints, "read_autoencoder", lambda path: reads.append(path.name) or kept(path))
    for cached in (checkpoints.load, checkpoints.load_autoencoder):
        cached.cache_clear()
    for slug in ("forward", "reverse", "editing", "memorization"):
        open_page(slug, {})
    assert not reads
    for _ in range(2):
        open_page("reverse", NET | {"steps": "2"})
    assert reads == ["autoencoder128.safetensors"]


def test_pairs_that_were_not_sampled_are_said_to_be_missing_and_those_of_the_first_network_shown(
    cheap, monkeypatch
):
    kept = results.load_blind_test
    monkeypatch.setattr(results, "load_blind_test", lambda m: None if m == checkpoints.LATENT else kept(m))
    app = open_page("steps", {"part": "Blind test"} | NET)
    (missing,) = [i.value for i in app.info if "have not been sampled" in i.value]
    assert "build_blind_test --model emoji128" in missing and "32 × 32" in missing


@pytest.mark.parametrize(
    ("kind", "slug", "state"),
    [
        ("steps", "steps", {"part": "Measured quality"}),
        ("loss", "training", {"learn": "Loss by timestep"}),
    ],
)
def test_what_was_not_measured_of_the_network_is_said_not_to_be(cheap, kind, slug, state):
    app = told(open_page(slug, state | NET))
    said = any("measured" in i.value for i in app.info)
    assert said == (results.load_result(kind, checkpoints.LATENT) is None)
