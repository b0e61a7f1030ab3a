"""Parts of the guidance page: the words one at a time, where they are looked at, and words to avoid."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from diffviz.analysis import guidance_analysis
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

NEGATIVE_EXAMPLES = {  # what to press first: prompt and words to avoid
    "heart, not red": ("heart", "red"),
    "face, not yellow": ("face", "yellow"),
    "sunglasses, not sunglasses": ("smiling face with sunglasses", "sunglasses"),
}


# --- word by word ------------------------------------------------------------------------------------------


def leave_one_out(settings: Settings, vocabulary: Vocabulary) -> None:
    """The prompt with each of its words left out in turn, all from the same static."""
    less = guidance_analysis.leave_one_word_out(settings.prompt, vocabulary)
    if len(less) < 2:
        st.info("This part needs a prompt of two known words or more.", icon=":material/edit:")
        return
    guess = ask_prediction(
        "Which word matters most to the picture?", [word for word, _ in less], "guess-word"
    )
    if guess is None:
        return
    prompts = [settings.prompt, *(rest for _, rest in less), ""]
    titles = ["all words", *(f"without “{word}”" for word, _ in less), "no words"]
    jobs = [
        dataclasses.replace(settings, prompt=p, steps=FEW_STEPS, sampler="unipc", negative="")
        for p in prompts
    ]
    drawn = _draw("guidance-words", jobs, titles)
    far = {word: rmse(picture, drawn[0]) for (word, _), picture in zip(less, drawn[1:-1], strict=True)}
    most = max(far, key=far.get)
    st.markdown(
        f"{verdict(guess, most)}, for this static: leaving it out changes the picture by {far[most]:.2f} (root mean "
        f"square). The others: {', '.join(f'{w} {d:.2f}' for w, d in far.items() if w != most)}. All pictures begin with "
        "the same static; only the words differ, and they are asked for again at every step."
    )
    _cross_attention(settings, vocabulary)


def _cross_attention(settings: Settings, vocabulary: Vocabulary) -> None:
    """The cross-attention of one word over a run, laid over the guess of each step."""
    st.header("Where it looks", anchor=False)
    words = vocabulary.read(settings.prompt).words
    names = [f"the style, {settings.style}" if settings.style else "no style", *words]
    shown = st.pills(
        "Light up where this is looked at", names, default=words[-1], key=f"look-{settings.prompt}", wrap=True
    )
    run, shares = _attention_maps(settings)
    if shown is None:
        return
    share = shares[:, names.index(shown)]
    guess = run.x0[:-1]
    side = guess.shape[-1] // share.shape[-1]
    brightest = share.max((1, 2), keepdims=True)
    light = np.kron(share / brightest, np.ones((1, side, side)))[:, None]
    lit = (guess + 1) * (0.12 + 0.88 * light) - 1
    times = live.readouts(run, run.steps)[:-1]
    readouts = [f"{text} · {s:.0%} of all looks" for text, s in zip(times, share.mean((1, 2)), strict=True)]
    texts = [
        f"The brightest place takes {s:.0%} of what it takes from the prompt here." for s in brightest.flat
    ]
    player.play(
        [
            player.Panel("x̂₀", "the guess", "prediction", to_uint8(guess)),
            player.Panel("x̂₀, lit", f"by “{shown}”", "conditional", to_uint8(lit)),
        ],
        readouts, texts, title=f"Where {shown} is looked at", key="look-player", name="attention",
        start=min(3, run.steps - 1), largest=LARGEST,
    )  # fmt: skip
    mean = shares.mean((0, 2, 3))
    st.markdown(
        "At its lowest resolution, "
        f"{share.shape[-1]} × {share.shape[-1]} places, each place of the picture takes from the prompt in shares "
        f"(cross-attention). Over this run: {', '.join(f'{n} {m:.0%}' for n, m in zip(names, mean, strict=True))}. "
        "Such maps show where a word is read, which need not be where it shows: the other layers carry it on."
    )
    source.show(Attention.weights, guidance_analysis.cross_attention_maps)


def _attention_maps(settings: Settings) -> tuple[Trajectory, np.ndarray]:
    def make() -> tuple[Trajectory, np.ndarray]:
        with st.spinner("One more run, to see where it looks …"):
            run = sample_trajectory(settings)
            return run, guidance_analysis.cross_attention_maps(
                run, settings, checkpoints.load(settings.model)
            )

    return memo("guidance-looks", settings, make)


def _draw(key: str, jobs: Sequence[Settings], titles: Sequence[str]) -> list[np.ndarray]:
    """Finished pictures (C, H, W) of several settings, shown as they come, each with its distance to the first."""

    def show(drawn: list[np.ndarray]) -> str:
        notes = ["", *(f"{rmse(p, drawn[0]):.2f} away" for p in drawn[1:])]
        return gallery.row([to_uint8(p) for p in drawn], titles[: len(drawn)], notes, 128)

    return live.image_row(key, list(jobs), [partial(_final, job) for job in jobs], show)


def _final(settings: Settings) -> np.ndarray:
    return sample_trajectory(settings).x[-1]


# --- words to avoid ----------------------------------------------------------------------------------------


def negative_examples() -> None:
    """Pairs of prompt and words to avoid; a click fills both in."""
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
    """The same run with and without a negative prompt, beside what it pushes away from."""
    read = vocabulary.read(settings.negative)
    if read.unknown:
        st.info(
            f"The network never learned “{', '.join(read.unknown)}”: it cannot push away from that.",
            icon=":material/help:",
        )
    if not read.words:
        st.info("Name something to avoid: a word the network knows.", icon=":material/edit:")
        return
    if settings.guidance == 1:
        st.info(
            "Guidance is off, so there is no push, and nothing is avoided.", icon=":material/explore_off:"
        )
        return
    few = dataclasses.replace(settings, steps=FEW_STEPS, sampler="unipc")
    jobs = [
        dataclasses.replace(few, negative=""),
        few,
        dataclasses.replace(few, prompt=settings.negative, negative=""),
    ]
    words = " ".join(read.words)
    titles = [settings.prompt or "no prompt", f"avoiding “{words}”", f"“{words}” itself"]
    drawn = _draw("guidance-avoid", jobs, titles)
    st.markdown(
        f"The second question of each step is now “{words}” in place of nothing, and guidance pushes away from its "
        f"answer. That moved the picture by **{rmse(drawn[1], drawn[0]):.2f}** (root mean square). It pushes and does "
        "not forbid: with a weak push, or a strong wish in the prompt, what is to be avoided can still be there."
    )
