"""What several tests share: a tiny untrained network, the shipped one, and a running app with a browser."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
import torch

from bench.server import ROOT as ROOT
from bench.server import AppServer
from diffviz import checkpoints
from diffviz.denoiser import Denoiser
from diffviz.text import Vocabulary
from diffviz.unet import UNet, UNetConfig

torch.set_num_threads(1)
# Progress that the tests make goes nowhere near the user's own.
os.environ["DIFFVIZ_DATA"] = tempfile.mkdtemp(prefix="diffviz-test-")


def make_tiny(seed: int = 0) -> Denoiser:
    """An untrained network of a few thousand weights, with its zero-initialised layers shaken awake."""
    vocabulary = Vocabulary(
        words=("apple", "cat", "dog", "face", "red", "zebra"),
        styles=("noto", "flat"),
        everyday_words=frozenset({"cat", "dog", "face"}),
    )
    torch.manual_seed(seed)
    net = UNet(
        UNetConfig(
            size=16, channels=(16, 16), attention_blocks=1, heads=2, text_dim=16, n_tokens=len(vocabulary)
        )
    )
    with torch.no_grad():
        for p in net.parameters():
            if not p.any():
                p.normal_(std=0.05)
    return Denoiser(net.eval().requires_grad_(False), vocabulary)


@pytest.fixture(scope="session")
def tiny() -> Denoiser:
    return make_tiny()


@pytest.fixture(scope="session")
def shipped() -> Denoiser:
    """The network in assets/."""
    return checkpoints.load()


# --- the app in a browser ----------------------------------------------------------------------------------

CHROMIUM = next(
    (p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None
)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def server():
    with AppServer() as running:
        yield running


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the browser tests, and there is no Chromium here")
        pytest.skip("no Chromium found: install Debian's package chromium to run the browser tests")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield running
        running.close()
