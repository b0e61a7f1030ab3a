"""Parts of the guidance page: prompt ablation, cross-attention maps and the negative prompt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st

from diffviz.analysis import guidance_analysis
from diffviz.diffusion.guidance import batched_cfg
from diffviz.evaluation.metrics import rmse
from diffviz.imaging.pixels import to_uint8
from diffviz.models import checkpoints
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import Attention
from diffviz.pipelines.text_to_image import Settings, sample_trajectory
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import live, source
from diffviz.ui.cache import memo_for_all
from diffviz.ui.components import gallery, player
from diffviz.ui.lessons.guidance import FEW_STEPS, guided_formula, sampled_row
from diffviz.ui.prediction import ask_prediction, locked, verdict
from diffviz.ui.stage import Stage

# Looked at: the maps of 22 prompts, two seeds each. In these three the map of the word at the end lies on what it names.
CHOSEN = ("face with tongue", "smiling face with sunglasses", "face with thermometer")
ABLATION_EXAMPLES = (*CHOSEN, "red heart", "woman with red hair")  # in the others it does not
# What to press first: prompt and negative prompt. The first two were chosen among 15 pairs, four seeds each, at w = 3.
NEGATIVE_EXAMPLES = {
    "heart, not red": ("heart", "red"),
    "bird, not blue": ("bird", "blue"),
    "face, not yellow": ("face", "yellow"),
    "sunglasses, not sunglasses": ("smiling face with sunglasses", "sunglasses"),
}
COSTS = ("fewer", "as many", "more")


# --- prompt ablation ---------------------------------------------------------------------------------------


def leave_one_out(settings: Settings, vocabulary: Vocabulary, stage: Stage) -> None:
    """The prompt with each of its words left out in turn, all from the same noise."""
    less = guidance_analysis.leave_one_word_out(settings.prompt, vocabulary)
    if len(less) < 2:
        stage.question.info(
            "Prompt ablation needs a prompt of two known words or more.", icon=":material/edit:"
        )
        with stage.picture:
            _sample("guidance-words", {settings.prompt or "no prompt": _few(settings, settings.prompt)})
        return
    with stage.question:
        guess = ask_prediction(
            "Leaving out which word changes the image most?", [word for word, _ in less], "guess-word"
        )
    titles = {
        "whole prompt": settings.prompt,
        **{f"without “{word}”": rest for word, rest in less},
        "no prompt": "",
    }
    with stage.picture, locked(guess, "word"):
        images = _sample(
            "guidance-words", {title: _few(settings, prompt) for title, prompt in titles.items()}
        )
    with stage.below:
        if guess is not None:
            whole, *without, _ = images.values()
            errors = {word: rmse(image, whole) for (word, _), image in zip(less, without, strict=True)}
            most = max(errors, key=errors.__getitem__)
            st.markdown(
                f"{verdict(guess, most)}, for this noise: without it the RMSE to the image of the whole prompt is "
                f"{errors[most]:.2f}. The others: {', '.join(f'{w} {e:.2f}' for w, e in errors.items() if w != most)}. All "
                "images start from the same noise; only the prompt differs, and it conditions every step."
            )
        _cross_attention(settings, vocabulary)


def _few(settings: Settings, prompt: str, negative: str = "") -> Settings:
    return dataclasses.replace(settings, prompt=prompt, negative=negative, steps=FEW_STEPS, sampler="unipc")


def _cross_attention(settings: Settings, vocabulary: Vocabulary) -> None:
    """The cross-attention map of one token along a trajectory, laid over the prediction of each step."""
    st.header("Cross-attention maps", anchor=False)
    words = vocabulary.read(settings.prompt).words
    names = [f"the style, {settings.style}" if settings.style else "no style", *words]
    shown = st.pills("Token", names, default=words[-1], key=f"look-{settings.prompt}", wrap=True)
    run, weights = _attention_maps(settings)
    if shown is None:
        return
    weight = weights[:, names.index(shown)]
    x0 = run.images("x0", range(run.steps))
    space = live.space(settings.model)
    side = x0.shape[-1] // weight.shape[-1]
    largest = weight.max((1, 2), keepdims=True)
    light = np.kron(weight / largest, np.ones((1, side, side)))[:, None]
    lit = (x0 + 1) * (0.12 + 0.88 * light) - 1
    times = live.readouts(run, run.steps)[:-1]
    readouts = [f"{text} · mean weight {w:.0%}" for text, w in zip(times, weight.mean((1, 2)), strict=True)]
    texts = [
        f"Largest attention weight of “{shown}” at this step: {w:.0%} (the brightest position)."
        for w in largest.flat
    ]
    player.play(
        [
            player.Panel(f"{space.image_of('x̂₀')}, lit", f"weight of “{shown}”", "conditional", to_uint8(lit)),
            player.Panel(space.image_of("x̂₀"), "prediction", "prediction", to_uint8(x0)),
        ],
        readouts, texts, title=f"Cross-attention map of {shown}", key="look-player", name="attention",
        start=min(3, run.steps - 1),
    )  # fmt: skip
    mean = weights.mean((0, 2, 3))
    st.markdown(
        f"In cross-attention each position of the image, here {weight.shape[-1]} × {weight.shape[-1]} at the network's "
        "lowest resolution, takes a weighted mean of the tokens. Mean attention weights over this trajectory: "
        f"{', '.join(f'{n} {m:.0%}' for n, m in zip(names, mean, strict=True))}. Each map is scaled by its own largest "
        "weight. A map shows where a token is read, which need not be where it changes the image: later layers carry it on."
    )
    if settings.prompt in CHOSEN:
        st.caption(
            "This example was chosen: of 22 prompts that we looked at, with two seeds each, it is one of those in which "
            "the map of the word at the end lies on what it names. In many it does not: with “red heart”, “heart” has its "
            "largest weights outside the heart."
        )
    source.show(Attention.weights, guidance_analysis.cross_attention_maps)


def _attention_maps(settings: Settings) -> tuple[Trajectory, np.ndarray]:
    def make() -> tuple[Trajectory, np.ndarray]:
        with st.spinner("One more trajectory, for its attention weights …"):
            run = sample_trajectory(settings)
            return run, guidance_analysis.cross_attention_maps(
                run, settings, checkpoints.load(settings.model)
            )

    return memo_for_all(
        "guidance-looks", settings, make, lambda found: live.nbytes_of(found[0]) + found[1].nbytes
    )


def _sample(key: str, jobs: Mapping[str, Settings]) -> dict[str, np.ndarray]:
    """Final images (3, S, S) by title, shown as they come, each with its RMSE to the first."""

    def job(settings: Settings) -> Callable[[], np.ndarray]:
        return lambda: live.shared_images(settings, [settings.seed])[0]

    def draw(made: Mapping[str, np.ndarray]) -> str:
        images = list(made.values())
        notes = ["", *(f"RMSE {rmse(image, images[0]):.2f}" for image in images[1:])]
        return gallery.row([to_uint8(image) for image in images], list(made), notes, fill=len(jobs))

    return sampled_row(key, dict(jobs), {title: job(settings) for title, settings in jobs.items()}, draw)


# --- negative prompt ---------------------------------------------------------------------------------------


def negative_examples() -> None:
    """Pairs of prompt and negative prompt; a click fills both in."""
    st.pills(
        "Try",
        list(NEGATIVE_EXAMPLES),
        key="avoid-idea",
        on_change=_apply_example,
        label_visibility="collapsed",
        wrap=True,
    )


def _apply_example() -> None:
    if st.session_state["avoid-idea"]:
        st.session_state["prompt"], st.session_state["avoid"] = NEGATIVE_EXAMPLES[
            st.session_state["avoid-idea"]
        ]
        st.session_state["avoid-idea"] = None


def negative_prompt(settings: Settings, vocabulary: Vocabulary, stage: Stage) -> None:
    """The same noise with and without a negative prompt, beside the image of the negative prompt itself."""
    read = vocabulary.read(settings.negative)
    words = " ".join(read.words)
    plain, few = _few(settings, settings.prompt), _few(settings, settings.prompt, settings.negative)
    effective = bool(words) and settings.guidance != 1
    guess = None
    with stage.question:
        if read.unknown:
            st.info(
                f"“{', '.join(read.unknown)}” is not in the vocabulary, so guidance cannot move away from it.",
                icon=":material/help:",
            )
        if not words:
            st.info("Type a negative prompt: one or more words of the vocabulary.", icon=":material/edit:")
        elif not effective:
            st.info(
                "Guidance is off (w = 1), so the negative prompt has no effect.",
                icon=":material/explore_off:",
            )
        else:
            guess = ask_prediction(
                "The same noise with and without the negative prompt. How many network evaluations does it cost beside "
                "guidance alone?",
                COSTS,
                "guess-avoid",
            )
    titles = {settings.prompt or "no prompt": plain}
    if effective:
        titles |= {f"negative prompt “{words}”": few, f"“{words}” itself": _few(settings, settings.negative)}
    with stage.picture:
        images = list(_sample("guidance-avoid", titles).values())
    if guess is None:
        return
    with stage.below:
        found = COSTS[1 + (few.nfe > plain.nfe) - (few.nfe < plain.nfe)]
        st.markdown(
            f"{verdict(guess, found)}. The NFE is {few.nfe} with it and {plain.nfe} without. The prediction for “{words}” "
            "stands in place of the unconditional one, and guidance extrapolates away from it. That changed the image by "
            f"an RMSE of **{rmse(images[1], images[0]):.2f}**. It forbids nothing: with a small guidance scale, or where "
            "the prompt asks for it too, what the negative prompt names can still appear."
        )
        if (settings.prompt, settings.negative) in list(NEGATIVE_EXAMPLES.values())[:2]:
            st.caption(
                "This example was chosen: of 15 pairs of prompt and negative prompt, tried with four seeds each at w = 3, "
                "it is one of the three whose images changed most. A cat face hardly changes when “yellow” is its "
                "negative prompt."
            )
        st.latex(guided_formula(live.space(settings.model), r"c_{\text{neg}}"))
        source.show(batched_cfg)
