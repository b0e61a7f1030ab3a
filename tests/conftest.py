"""Fixtures that several tests share: a tiny untrained network, the shipped one, and a running app with a browser."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import streamlit as st
import torch
from helpers import make_tiny
from hypothesis import HealthCheck, settings

from bench.server import AppServer
from diffviz.analysis import unet_probe
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import MAX_TOKENS
from diffviz.models.unet import UNet
from diffviz.ui import cache, live

torch.set_num_threads(1)
# Hypothesis fails tests that take long by the clock: on a busy machine every one may.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# Progress that the tests make goes nowhere near the user's own.
os.environ["DIFFVIZ_DATA"] = tempfile.mkdtemp(prefix="diffviz-test-")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for a whole round, as many as there are cores to count on; none for single files, where
    their start costs more than they save."""
    return 0 if any(".py" in name for name in config.args) else min(2, os.cpu_count() or 1)


@pytest.fixture(scope="session")
def tiny() -> Denoiser:
    return make_tiny()


@pytest.fixture(scope="session")
def shipped() -> Denoiser:
    """The network in assets/."""
    return checkpoints.load()


@pytest.fixture
def idle_network(monkeypatch) -> Iterator[None]:
    """The network evaluates to its input, in no time: for what is asked of a page and not of its images."""
    monkeypatch.setattr(UNet, "forward", lambda self, x, angle, tokens: x)
    # Attention is recorded in the blocks, which do not run then: even weights on all tokens stand for it.
    monkeypatch.setattr(
        unet_probe, "attention", lambda run, *_: np.full((1, run.steps, 1, 64, MAX_TOKENS), 1 / MAX_TOKENS)
    )
    for kept in (st.cache_data, cache._shared, live._finished):
        kept.clear()
    yield
    for kept in (st.cache_data, cache._shared, live._finished):
        kept.clear()


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
    sync_api.expect.set_options(timeout=60_000)  # what passes waits no longer; a busy machine takes its time
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        # Playwright waits by evaluating text in the page, which our policy forbids; test_headers tries the policy itself.
        running.new_context = partial(running.new_context, bypass_csp=True)
        yield running
        running.close()
