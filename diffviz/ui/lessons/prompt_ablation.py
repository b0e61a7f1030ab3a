"""Parts of the guidance page: prompt ablation, cross-attention maps and the negative prompt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

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
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery, player
from diffviz.ui.lessons.guidance import FEW_STEPS, LARGEST
from diffviz.ui.prediction import ask_prediction, verdict

NEGATIVE_EXAMPLES = {  # what to press first: prompt and negative prompt
    "heart, not red": ("heart", "red"),
    "face, not yellow": ("face", "yellow"),
    "sunglasses, not sunglasses": ("smiling face with sunglasses", "sunglasses"),
}


# --- prompt ablation ---------------------------------------------------------------------------------------


def leave_one_out(settings: Settings, vocabulary: Vocabulary) -> None:
    """The prompt with each of its words left out in turn, all from the same noise."""
    less = guidance_analysis.leave_one_word_out(settings.prompt, vocabulary)
    if len(less) < 2:
        st.info("Prompt ablation needs a prompt of two known words or more.", icon=":material/edit:")
        return
    guess = ask_prediction(
        "Leaving out which word changes the image most?", [word for word, _ in less], "guess-word"
    )
    if guess is None:
        return
    prompts = [settings.prompt, *(rest for _, rest in less), ""]
    titles = ["whole prompt", *(f"without “{word}”" for word, _ in less), "no prompt"]
    jobs = [
        dataclasses.replace(settings, prompt=p, steps=FEW_STEPS, sampler="unipc", negative="")
        for p in prompts
    ]
    images = _sample("guidance-words", jobs, titles)
    errors = {word: rmse(image, images[0]) for (word, _), image in zip(less, images[1:-1], strict=True)}
    most = max(errors, key=errors.__getitem__)
    st.markdown(
        f"{verdict(guess, most)}, for this noise: without it the RMSE to the image of the whole prompt is "
        f"{errors[most]:.2f}. The others: {', '.join(f'{w} {e:.2f}' for w, e in errors.items() if w != most)}. All images "
        "start from the same noise; only the prompt differs, and it conditions every step."
    )
    _cross_attention(settings, vocabulary)


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
    x0 = run.x0[:-1]
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
            player.Panel("x̂₀", "prediction", "prediction", to_uint8(x0)),
            player.Panel("x̂₀, lit", f"weight of “{shown}”", "conditional", to_uint8(lit)),
        ],
        readouts, texts, title=f"Cross-attention map of {shown}", key="look-player", name="attention",
        start=min(3, run.steps - 1), largest=LARGEST,
    )  # fmt: skip
    mean = weights.mean((0, 2, 3))
    st.markdown(
        f"In cross-attention each position of the image, here {weight.shape[-1]} × {weight.shape[-1]} at the network's "
        "lowest resolution, takes a weighted mean of the tokens. Mean attention weights over this trajectory: "
        f"{', '.join(f'{n} {m:.0%}' for n, m in zip(names, mean, strict=True))}. A map "
        "shows where a token is read, which need not be where it changes the image: later layers carry it on."
    )
    source.show(Attention.weights, guidance_analysis.cross_attention_maps)


def _attention_maps(settings: Settings) -> tuple[Trajectory, np.ndarray]:
    def make() -> tuple[Trajectory, np.ndarray]:
        with st.spinner("One more trajectory, for its attention weights …"):
            run = sample_trajectory(settings)
            return run, guidance_analysis.cross_attention_maps(
                run, settings, checkpoints.load(settings.model)
            )

    return memo("guidance-looks", settings, make)


def _sample(key: str, jobs: Sequence[Settings], titles: Sequence[str]) -> list[np.ndarray]:
    """Final images (C, H, W) of several settings, shown as they come, each with its RMSE to the first."""

    def show(images: list[np.ndarray]) -> str:
        notes = ["", *(f"RMSE {rmse(image, images[0]):.2f}" for image in images[1:])]
        return gallery.row([to_uint8(image) for image in images], titles[: len(images)], notes, 128)

    return live.image_row(key, list(jobs), [partial(_final, job) for job in jobs], show)


def _final(settings: Settings) -> np.ndarray:
    return sample_trajectory(settings).x[-1]


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


def negative_prompt(settings: Settings, vocabulary: Vocabulary) -> None:
    """The same noise with and without a negative prompt, beside the image of the negative prompt itself."""
    read = vocabulary.read(settings.negative)
    if read.unknown:
        st.info(
            f"“{', '.join(read.unknown)}” is not in the vocabulary, so guidance cannot move away from it.",
            icon=":material/help:",
        )
    if not read.words:
        st.info("Type a negative prompt: one or more words of the vocabulary.", icon=":material/edit:")
        return
    if settings.guidance == 1:
        st.info(
            "Guidance is off (w = 1), so the negative prompt has no effect.", icon=":material/explore_off:"
        )
        return
    few = dataclasses.replace(settings, steps=FEW_STEPS, sampler="unipc")
    jobs = [
        dataclasses.replace(few, negative=""),
        few,
        dataclasses.replace(few, prompt=settings.negative, negative=""),
    ]
    words = " ".join(read.words)
    titles = [settings.prompt or "no prompt", f"negative prompt “{words}”", f"“{words}” itself"]
    images = _sample("guidance-avoid", jobs, titles)
    st.markdown(
        f"The prediction for “{words}” now stands in place of the unconditional one, and guidance extrapolates away from "
        f"it. That changed the image by an RMSE of **{rmse(images[1], images[0]):.2f}**. It forbids nothing: with a small "
        "guidance scale, or where the prompt asks for it too, what the negative prompt names can still appear."
    )
    st.latex(
        r"\hat{x}_0 = \operatorname{clip}_{[-1, 1]}\Bigl(\hat{x}_0(x_t, c_{\text{neg}}) + "
        r"w\,\bigl(\hat{x}_0(x_t, c) - \hat{x}_0(x_t, c_{\text{neg}})\bigr)\Bigr)"
    )
    source.show(batched_cfg)
