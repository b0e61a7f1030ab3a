"""A part of the guidance page: classifier guidance in place of a prompt."""

from __future__ import annotations

import dataclasses
import difflib
import html
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import streamlit as st

from diffviz import pacing
from diffviz.analysis import guidance_analysis
from diffviz.analysis.spaces import LATENTS, PIXELS
from diffviz.diffusion import guidance
from diffviz.imaging.pixels import mosaic
from diffviz.models import classifier
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings
from diffviz.ui import live, source
from diffviz.ui.components import gallery
from diffviz.ui.lessons.guidance import SEEDS, sampled_row
from diffviz.ui.prediction import UNASKED, ask_prediction, locked
from diffviz.ui.stage import PLAIN, Stage

EXAMPLE_LABELS = ("cat face", "red heart", "sunflower", "penguin", "hot dog")
SCALES = (3.0, 30.0)
Sampled = tuple[np.ndarray, float]  # images (N, C, H, W) and the seconds they took


def _with_prompt(settings: Settings) -> str:
    return (
        "the prompt alone, w = 1" if settings.guidance == 1 else f"classifier-free, w = {settings.guidance:g}"
    )


def show(settings: Settings, stage: Stage) -> None:
    """Unconditional samples guided by a classifier towards a label, beside none and beside classifier-free guidance."""
    label_classifier = classifier.load(ASSETS / "classifier32.safetensors")
    label = settings.prompt.lower()
    if label not in label_classifier.labels:
        near = difflib.get_close_matches(label, label_classifier.labels, 3)
        none = f", and “{PLAIN.sub('', label)}” is none" if label else ""
        stage.question.info(
            f"Our classifier can guide only towards one of its {len(label_classifier.labels):,} labels{none}. "
            + (f"Near it: {', '.join(near)}." if near else f"Try {EXAMPLE_LABELS[0]}."),
            icon=":material/help:",
        )
        with stage.picture:  # what stands there without a label: samples that nothing guides
            none = dataclasses.replace(settings, prompt="", guidance=1.0)
            _sample(
                "guidance-unguided",
                settings,
                {"no guidance": partial(_images, none)},
                lambda _: "",
                "No prompt.",
            )
        return
    with stage.question:
        guess = ask_prediction(
            "A classifier's gradient guides the samples in place of a prompt, at a small and a large scale. What will you "
            "see?",
            ["the label", "something like it", "something that only the classifier takes for it"],
            "guess-judge",
        )
    with stage.picture, locked(guess, "judge"):
        rows = _rows(settings, label_classifier, label)
    if guess is not None:
        with stage.below:
            _explain(settings, label_classifier, label, rows, guess)


def _explain(
    settings: Settings,
    label_classifier: classifier.LabelClassifier,
    label: str,
    rows: Mapping[str, Sampled],
    guess: str,
) -> None:
    """What the classifier makes of the rows, what differs from the paper, and the formula."""
    sure = {
        title: guidance_analysis.class_probability(images, label_classifier, label)
        for title, (images, _) in rows.items()
    }
    nothing, *_, hard, words = sure
    space = live.space(settings.model)
    said = "" if guess == UNASKED else f"You said **{guess}**; that is for your eyes to decide. "
    st.markdown(
        f"{said}The classifier's mean probability of “{label}” is {sure[nothing].mean():.0%} without guidance, "
        f"{sure[hard].mean():.0%} at scale {SCALES[-1]:g}, and {sure[words].mean():.0%} with the prompt"
        f"{' alone' if settings.guidance == 1 else ' and classifier-free guidance'}."
    )
    plain, guided = rows[nothing][1], rows[hard][1]
    st.markdown(
        "**What differs from the paper.** Dhariwal & Nichol (2021, arXiv 2105.05233) train their classifier on *noisy* "
        "images, so that it is reliable at every xₜ. Ours was trained on clean images, at most slightly blurred and with "
        f"noise of a standard deviation up to 0.15; it is given the prediction {space.image_of('x̂₀(xₜ)')}, and the "
        "gradient is "
        f"taken back through the {'decoder and the ' if space is LATENTS else ''}denoiser (Bansal et al. 2023, arXiv "
        f"2302.07121). At high noise {space.image_of('x̂₀')} is far blurrier than anything it "
        "was trained on, so its gradient is unreliable there, and a large scale can find pixel changes that raise its "
        "probability without looking like the label (adversarial examples). So these images say little about a "
        "classifier trained on noisy images: with theirs, ImageNet samples reached the lowest FID published until then. "
        "What holds for both: a classifier is a second network to train, for a fixed set of labels; classifier-free "
        "guidance needs none."
    )
    st.caption(
        f"One label, {SEEDS} seeds, one classifier. It divides its probability among {len(label_classifier.labels):,} "
        "labels, many of them alike, so that a good image need not score high. Classifier guidance took "
        f"{guided / plain:.1f} times as long here as sampling without guidance, because of the backward pass at every step."
    )
    with st.expander("The formula", icon=":material/function:"):
        estimate = r"\hat x_0(x_t)" if space is PIXELS else r"D(\hat x_0(x_t))"
        st.latex(
            space.say(
                r"\hat\varepsilon = \hat\varepsilon(x_t) - s\,\sigma_t \nabla_{x_t} \log p(y \mid x_t), \qquad"
                rf"p(y \mid x_t) \approx p\bigl(y \mid {estimate}\bigr)"
            )
        )
        said = (
            "By Bayes' rule the score of $p(x_t \\mid y)$ is the sum of the score of $p(x_t)$, which the denoiser "
            "estimates, and $\\nabla \\log p(y \\mid x_t)$, which a classifier gives. Classifier-free guidance takes the "
            "second from the difference of the conditional and the unconditional prediction (Ho & Salimans 2022, arXiv "
            "2207.12598)."
        )
        st.markdown(space.say(said + " The resulting x̂₀ is clipped to [−1, 1]." * space.clipped))
    source.show(guidance.classifier_guidance)


def _rows(settings: Settings, label_classifier: classifier.LabelClassifier, label: str) -> dict[str, Sampled]:
    """Title -> what was sampled, four seeds to a tile, each shown as soon as it is there."""
    none = dataclasses.replace(settings, prompt="", guidance=1.0)
    seeds = _seeds(settings)
    jobs = {
        "no guidance": partial(_images, none),
        **{
            f"classifier, scale {s:g}": partial(
                guidance_analysis.sample_with_classifier, none, seeds, label_classifier, label, s
            )
            for s in SCALES
        },
        _with_prompt(settings): partial(_images, settings),
    }  # fmt: skip

    def note(images: np.ndarray) -> str:
        return f"mean p = {guidance_analysis.class_probability(images, label_classifier, label).mean():.0%}"

    told = f"No prompt in any but the last, whose prompt is “{html.escape(label)}”."
    return _sample("guidance-judge", settings, jobs, note, told)


def _sample(
    key: str,
    settings: Settings,
    jobs: Mapping[str, Callable[[], np.ndarray]],
    note: Callable[[np.ndarray], str],
    told: str,
) -> dict[str, Sampled]:
    def timed(job: Callable[[], np.ndarray]) -> Callable[[], Sampled]:
        def run() -> Sampled:
            began = pacing.clock()
            return job(), pacing.clock() - began

        return run

    def draw(made: Mapping[str, Sampled]) -> str:
        tiles = [mosaic(images) for images, _ in made.values()]
        notes = [note(images) for images, _ in made.values()]
        last = settings.seed + SEEDS - 1
        return f"<small>Seeds {settings.seed} to {last} in each. {told}</small>" + gallery.row(
            tiles, list(made), notes, fill=len(jobs)
        )

    return sampled_row(key, settings, {title: timed(job) for title, job in jobs.items()}, draw)


def _images(settings: Settings) -> np.ndarray:
    return live.sample_images(settings, _seeds(settings)).numpy()


def _seeds(settings: Settings) -> list[int]:
    return [settings.seed + k for k in range(SEEDS)]
