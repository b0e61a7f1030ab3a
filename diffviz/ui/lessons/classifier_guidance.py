"""A part of the guidance page: a classifier that pushes in place of the words."""

from __future__ import annotations

import dataclasses
import difflib
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st
import torch

from diffviz.analysis import guidance_analysis
from diffviz.diffusion import guidance
from diffviz.imaging.pixels import to_uint8
from diffviz.models import classifier
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live, source
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery
from diffviz.ui.lessons.guidance import SEEDS
from diffviz.ui.prediction import ask_prediction

EXAMPLE_LABELS = ("cat face", "red heart", "sunflower", "penguin", "hot dog")
SCALES = (3.0, 30.0)
Drawn = tuple[np.ndarray, float]  # pictures (N, C, H, W) and the seconds they took


def show(settings: Settings) -> None:
    """Runs without words that a classifier pushes towards a label, beside none and beside guidance by words."""
    label_classifier = classifier.load(ASSETS / "classifier32.safetensors")
    label = settings.prompt.lower()
    if label not in label_classifier.labels:
        near = difflib.get_close_matches(label, label_classifier.labels, 3)
        none = f", and “{label}” is none" if label else ""
        st.info(
            f"Our classifier can push only towards one of its {len(label_classifier.labels):,} labels{none}. "
            + (f"Near it: {', '.join(near)}." if near else f"Try {EXAMPLE_LABELS[0]}."),
            icon=":material/help:",
        )
        return
    guess = ask_prediction(
        "A classifier that knows what it looks for pushes in place of the words, gently and then hard. What will you see?",
        ["what was asked for", "something like it", "something that pleases only the classifier"],
        "guess-judge",
    )
    if guess is None:
        return
    rows = _rows(settings, label_classifier, label)
    sure = {
        title: guidance_analysis.class_probability(pictures, label_classifier, label)
        for title, (pictures, _) in rows.items()
    }
    nothing, *_, hard, words = sure
    st.markdown(
        f"You said **{guess}**; that is for your eyes to decide. The classifier is {sure[nothing].mean():.0%} sure on "
        f"average without a push, {sure[hard].mean():.0%} when it pushes hard, {sure[words].mean():.0%} with the words. It "
        "asks which change of the pixels would please it, and many do that no eye would call a picture: it has seen "
        "finished drawings only, and never what is none. The words push with the network's own answers, which were "
        "learned from drawings. That is why guidance without a classifier is what the field took up."
    )
    plain, pushed = rows[nothing][1], rows[hard][1]
    st.caption(
        f"One label, {SEEDS} seeds, one classifier. It divides its certainty among "
        f"{len(label_classifier.labels):,} labels, many of "
        "them alike, so that a good picture need not score high. A push by it took "
        f"{pushed / plain:.1f} times as long as a run without, since its slope is taken back through the network at every "
        "step. Classifiers that have learned to see through noise do better than this one (Dhariwal & Nichol 2021, arXiv "
        "2105.05233)."
    )
    with st.expander("The formula", icon=":material/function:"):
        st.latex(
            r"\hat\varepsilon = \hat\varepsilon(x_t) - s\,\sigma_t \nabla_{x_t} \log p(y \mid x_t), \qquad"
            r"p(y \mid x_t) \approx p\bigl(y \mid \hat x_0(x_t)\bigr)"
        )
        st.markdown(
            "Bayes' rule is behind it: the slope of $\\log p(x_t \\mid y)$ is that of $\\log p(x_t)$, which the network "
            "knows, and that of $\\log p(y \\mid x_t)$, which a classifier does. Guidance by words takes the second from "
            "the difference of two answers instead (Ho & Salimans 2022, arXiv 2207.12598)."
        )
    source.show(guidance.classifier_guidance)


def _rows(settings: Settings, label_classifier: classifier.LabelClassifier, label: str) -> dict[str, Drawn]:
    """Title -> what was drawn, each row shown as soon as it is there."""
    seeds = [settings.seed + k for k in range(SEEDS)]
    none = dataclasses.replace(settings, prompt="", guidance=1.0)
    jobs: dict[str, Callable[[], np.ndarray]] = {
        "No words, no push": lambda: live.sample_images(none, seeds).numpy(),
        **{
            f"No words, the classifier pushes, scale {s:g}": partial(
                guidance_analysis.sample_with_classifier, none, seeds, label_classifier, label, s
            )
            for s in SCALES
        },
        f"“{label}” in words, guidance {settings.guidance:g}": lambda: live.sample_images(settings, seeds).numpy(),
    }  # fmt: skip
    places = [st.empty() for _ in jobs]
    drawn: dict[str, Drawn] = memo("guidance-judge", settings, dict)
    torch.set_num_threads(1)
    for (title, job), place in zip(jobs.items(), places, strict=True):
        if title not in drawn:
            began = time.perf_counter()
            pictures = job()
            drawn[title] = (pictures, time.perf_counter() - began)
        pictures, _ = drawn[title]
        notes = [
            f"{p:.0%} sure" for p in guidance_analysis.class_probability(pictures, label_classifier, label)
        ]
        place.html(f"<b>{title}</b>" + gallery.row(list(to_uint8(pictures)), [""] * SEEDS, notes))
    return drawn
