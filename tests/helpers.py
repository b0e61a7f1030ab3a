"""What several tests build on: a tiny untrained network and a tiny data file."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import subprocess
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from diffviz.models.autoencoder import Autoencoder, AutoencoderConfig
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import UNet, UNetConfig
from diffviz.paths import ROOT as ROOT
from diffviz.ui import fold

# What a reader of the field looks for first: the menu's search has to find each.
SOUGHT_TERMS = (
    "DDIM",
    "DPM-Solver++",
    "classifier-free guidance",
    "negative prompt",
    "noise schedule",
    "SNR",
    "v-prediction",
    "inpainting",
    "SDEdit",
    "memorization",
    "mode collapse",
    "flow matching",
    "distillation",
)


def make_tiny(seed: int = 0) -> Denoiser:
    """An untrained network of a few thousand weights, with its zero-initialised layers shaken awake."""
    vocabulary = Vocabulary(
        words=("apple", "cat", "dog", "face", "red", "zebra"),
        styles=("noto", "flat"),
        common_words=frozenset({"cat", "dog", "face"}),
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


def make_tiny_latent(mean: float = 0.3, std: float = 0.5) -> Denoiser:
    """An untrained latent network of 64-pixel images, which takes raw latents to have this mean and deviation."""
    tiny = make_tiny()
    torch.manual_seed(0)
    autoencoder = Autoencoder(AutoencoderConfig(size=64, latent_channels=4, channels=(16, 32))).eval()
    net = UNet(dataclasses.replace(tiny.net.config, size=8, in_channels=4, patch=1))
    with torch.no_grad():
        for p in [*net.parameters(), *autoencoder.parameters()]:
            if not p.any():
                p.normal_(std=0.05)
        autoencoder.mean.fill_(mean)
        autoencoder.std.fill_(std)
    return Denoiser(net.eval().requires_grad_(False), tiny.vocabulary, autoencoder.requires_grad_(False))


def tiny_data(path: Path, n: int = 24, size: int = 16) -> Path:
    """A data file of coloured squares with the shape that build_dataset writes."""
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 256, (n, 1, 1, 3), np.uint8), size, 1).repeat(size, 2)
    np.savez(
        path,
        images=images,
        label=np.arange(n, dtype=np.int32) % 3,
        style=np.arange(n, dtype=np.int8) % 2,
        heldout=np.arange(n) % 5 == 0,
        labels=np.array(["red apple", "cat face", "dog"]),
        keywords=np.array(["fruit|sweet", "pet|kitten", ""]),
        groups=np.array(["food", "animals", "animals"]),
        subgroups=np.array(["fruit", "mammal", "mammal"]),
        everyday=np.array([True, True, False]),
        hexcodes=np.array(["1", "2", "3"]),
        styles=np.array(["noto", "flat"]),
    )
    return path


def link_to(slug: str, state: Mapping[str, str]) -> AppTest:
    """A page that is about to be opened by a link that holds `state`, by a visitor who was never here."""
    (page,) = (ROOT / "pages").glob(f"*_{slug}.py")
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=60)
    for key, value in state.items():
        app.query_params[key] = value
    return app.switch_page(f"pages/{page.name}")


def open_page(slug: str, state: Mapping[str, str]) -> AppTest:
    """A page opened by a link that holds `state`, which must not raise."""
    app = link_to(slug, state)
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def open_folds(app: AppTest, *but: str) -> set[str]:
    """Open all folds of a page whose content is made then, save those with the keys `but`; returns their keys."""
    ids = (expander.proto.id.partition(fold.PREFIX) for expander in app.expander)
    folds = {prefix + key for _, prefix, key in ids if prefix} - {*but}
    for key in folds:
        app.session_state[key] = True
    if folds:
        app.run()
    assert not app.exception, [e.value for e in app.exception]
    return folds


def control_keys(app: AppTest) -> set[str]:
    """The keys of all controls that a link can set."""
    groups = (
        app.text_input,
        app.number_input,
        app.slider,
        app.select_slider,
        app.selectbox,
        app.segmented_control,
    )
    linked = app.session_state["controls"] - {"presenter"}  # with those that have links and no widget
    return linked | {control.key for group in groups for control in group if control.key}


class _WellFormed(HTMLParser):
    """Fails on a tag that is not closed or closed out of turn, and on a block within a paragraph."""

    def __init__(self):
        super().__init__()
        self.open, self.images = [], []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "hr":
            assert not (tag in ("p", "ul", "li", "div") and "p" in self.open), f"<{tag}> within <p>"
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> out of turn"


def images_of(markup):
    """The attributes of each image in a piece of HTML, which must be well formed."""
    parser = _WellFormed()
    parser.feed(markup)
    parser.close()
    assert not parser.open, f"not closed: {parser.open}"
    return parser.images


def read_by_npm(package: str, script: str, data: bytes, folder: Path) -> Any:
    """What node prints as JSON about `text`, which is the data, with an npm package installed in the folder."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip(
            "node and npm are not both here: install Debian's packages nodejs and npm to run this test"
        )
    (folder / "package.json").write_text('{"private": true}')
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", package]
    installed = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"{package} cannot be installed: {installed.stderr.strip().splitlines()[-1:]}")
    script = f'const text = require("fs").readFileSync(0, "utf8");\n{script}'
    read = subprocess.run([node, "-e", script], cwd=folder, input=data, capture_output=True, check=True)
    return json.loads(read.stdout)


def run(coroutine: Coroutine[Any, Any, Any], seconds: float = 60) -> Any:
    """The coroutine's result, from a thread of its own: Playwright, once used, keeps this one's event loop running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(asyncio.wait_for(coroutine, seconds))).result()
