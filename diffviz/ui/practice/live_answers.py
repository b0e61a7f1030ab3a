"""The live runs that answer what was asked: each shows on our model what happens, there and then."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import streamlit as st
import torch
from PIL import Image

from diffviz.diffusion.process import add_noise
from diffviz.diffusion.samplers import make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging import uploads
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings, sample_steps, sample_trajectory
from diffviz.ui.components import gallery


def _finals(settings: Settings, seeds: list[int]) -> list:
    torch.set_num_threads(1)
    *_, last = sample_steps(settings, seeds=seeds)
    return list(to_uint8(last.x.numpy()))


def slow() -> None:
    """Time a run and one of twice the steps."""
    torch.set_num_threads(1)
    took = []
    with st.spinner("Running 20 steps, then 40 …"):
        _finals(Settings("cat face", "noto", steps=3), [0])  # the first run of all also loads things
        for steps in (20, 40):
            began = time.perf_counter()
            _finals(Settings("cat face", "noto", steps=steps), [0])
            took.append(time.perf_counter() - began)
    st.markdown(
        f"Measured just now: 20 steps took {took[0]:.2f} s, 40 steps {took[1]:.2f} s: **{took[1] / took[0]:.1f} times** "
        "as long."
    )


def different() -> None:
    """Nine seeds of one prompt."""
    seeds = list(range(9))
    with st.spinner("Nine seeds at once …"):
        pictures = _finals(Settings("cat face", "noto", steps=20), seeds)
    st.html(gallery.row(pictures, [f"seed {s}" for s in seeds], ["cat face, noto"] * 9))


def hands() -> None:
    """Hands to be counted and clocks to be read by the learner."""
    seeds = list(range(4, 8))
    with st.spinner("Four hands and four clocks …"):
        hands = _finals(Settings("hand with fingers splayed", "noto", steps=20), seeds)
        clocks = _finals(Settings("three o'clock", "noto", steps=20), seeds)
    for pictures, note in ((hands, "how many digits?"), (clocks, "what time is it?")):
        st.html(gallery.row(pictures, [f"seed {s}" for s in seeds], [note] * len(seeds), wanted=128))
    st.caption(
        "“hand with fingers splayed” and “three o'clock”, generated just now and not picked: count and read for "
        "yourself. How often the model hits each category of things is in the model card."
    )


def stages_live() -> None:
    """The six stages as images of one run of ours: an image noised, the prediction, pure noise, and the loop."""
    schedule, steps = SCHEDULES["cosine"], 12
    torch.set_num_threads(1)
    settings = Settings("red heart", "noto", seed=1, steps=steps)
    with st.spinner("Playing the right order …"):
        run = sample_trajectory(settings)
        x0 = torch.from_numpy(from_uint8(_drawing()))[None]
        noisy = add_noise(x0, randn_per_seed(make_generators([0]), x0.shape[1:]), 0.6, schedule)
        denoise = checkpoints.load().conditioned(["cat face"], ["noto"], schedule)
        guess = denoise(noisy, torch.tensor([0.6], dtype=torch.float64))
    noised, guessed = to_uint8(noisy[0].numpy()), to_uint8(guess[0].numpy())
    frames = run.frames("x")
    pictures = [noised, guessed, frames[0], frames[1], frames[steps // 2], frames[-1]]
    titles = ["b) add noise", "d) train", "c) fresh noise", "f) one step", "a) again", "e) the end"]
    notes = [
        "an image at t = 0.6",
        "the prediction, compared with the image",
        "seed 1",
        f"after 1 of {steps} steps",
        f"after {steps // 2}",
        f"after {steps}",
    ]
    st.html(gallery.row(pictures, titles, notes))
    st.caption("Generated just now. Stage d shows the finished network at the exercise it was trained on.")


def _drawing() -> np.ndarray:
    size = checkpoints.load().picture_size
    return uploads.resize(Image.open(ASSETS / "samples" / "cat-face-noto.png").convert("RGB"), size)


ANSWERS: dict[str, Callable[[], None]] = {
    "predict-slow": slow,
    "predict-different": different,
    "predict-hands": hands,
}
