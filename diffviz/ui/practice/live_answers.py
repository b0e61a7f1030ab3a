"""Live runs that show, on this model, what a learner was asked to predict or to order.

Each is computed once in a turn of its exercise, and shown again as it was when the page runs again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st
import torch

from diffviz import pacing
from diffviz.diffusion.process import add_noise
from diffviz.diffusion.samplers import make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging import samples
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.models import checkpoints
from diffviz.pipelines.text_to_image import Settings, sample_steps, sample_trajectory
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery


def _images(settings: Settings, seeds: list[int]) -> list[np.ndarray]:
    """The images of several seeds, run as one batch: each (S, S, 3) uint8."""
    torch.set_num_threads(1)
    *_, last = sample_steps(settings, seeds=seeds)
    return list(to_uint8(last.x.numpy()))


def slow(turn: int) -> None:
    """Time two runs, the second of twice the steps, and count their network evaluations."""
    runs = [Settings("cat face", "noto", steps=steps) for steps in (20, 40)]

    def seconds() -> list[float]:
        took = []
        with st.spinner("Running 20 steps, then 40 …"):
            _images(Settings("cat face", "noto", steps=3), [0])  # so that loading the weights is not timed
            for settings in runs:
                began = pacing.clock()
                _images(settings, [0])
                took.append(pacing.clock() - began)
        return took

    took = memo("answer-slow", turn, seconds)
    st.markdown(
        f"Measured just now: 20 steps (NFE {runs[0].nfe}) took {took[0]:.2f} s, 40 steps (NFE {runs[1].nfe}) "
        f"{took[1]:.2f} s: **{took[1] / took[0]:.1f} times** as long. The NFE exactly doubles; the time also depends on "
        "what else this computer is doing."
    )


def different(turn: int) -> None:
    """One prompt with nine seeds."""
    seeds = list(range(9))

    def make() -> list[np.ndarray]:
        with st.spinner("Nine seeds at once …"):
            return _images(Settings("cat face", "noto", steps=20), seeds)

    images = memo("answer-different", turn, make)
    st.html(gallery.row(images, [f"seed {s}" for s in seeds], ["cat face, noto"] * 9))


def hands(turn: int) -> None:
    """Hands and clocks for the learner to count and to read: no answer is assumed."""
    seeds = list(range(4, 8))

    def make() -> list[list[np.ndarray]]:
        with st.spinner("Four hands and four clocks …"):
            prompts = "hand with fingers splayed", "three o'clock"
            return [_images(Settings(prompt, "noto", steps=20), seeds) for prompt in prompts]

    rows = memo("answer-hands", turn, make)
    for images, note in zip(rows, ("how many digits?", "what time is it?"), strict=True):
        st.html(gallery.row(images, [f"seed {s}" for s in seeds], [note] * len(seeds), wanted=128))
    st.caption(
        "“hand with fingers splayed” and “three o'clock”, generated just now and not selected: count and read for "
        "yourself. How often the classifier recognizes each category in this model's images is in the model card."
    )


def stages_live(turn: int) -> None:
    """The six stages as images: a noised image, the x0-prediction from it, pure noise, and the sampling loop."""
    steps = 12
    images = memo("answer-stages", turn, lambda: _stages(steps))
    titles = ["b) add noise", "d) train", "c) fresh noise", "f) one step", "a) again", "e) the end"]
    notes = [
        "an image at t = 0.6",
        "the prediction, compared with the image",
        "seed 1",
        f"after 1 of {steps} steps",
        f"after {steps // 2}",
        f"after {steps}",
    ]
    st.html(gallery.row(images, titles, notes))
    st.caption(
        "Generated just now. Stage d shows the trained network on a training example: its prediction is compared with the "
        "clean image."
    )


def _stages(steps: int) -> list[np.ndarray]:
    """The images of the six stages, in the order in which they are titled; the loop takes so many steps."""
    schedule = SCHEDULES["cosine"]
    torch.set_num_threads(1)
    with st.spinner("Running the stages in the right order …"):
        run = sample_trajectory(Settings("red heart", "noto", seed=1, steps=steps))
        denoiser = checkpoints.load()
        x0 = denoiser.encode(torch.from_numpy(from_uint8(_sample_image()))[None])
        noisy = add_noise(x0, randn_per_seed(make_generators([0]), x0.shape[1:]), 0.6, schedule)
        denoise = denoiser.conditioned(["cat face"], ["noto"], schedule)
        x0_hat = denoise(noisy, torch.tensor([0.6], dtype=torch.float64))
    noised, predicted = (to_uint8(denoiser.decode(x)[0].numpy()) for x in (noisy, x0_hat))
    frames = run.frames("x")
    return [noised, predicted, frames[0], frames[1], frames[steps // 2], frames[-1]]


def _sample_image() -> np.ndarray:
    """A shipped sample at the default network's size: (S, S, 3) uint8."""
    return samples.pixels("cat-face-noto.png", checkpoints.load().image_size)


ANSWERS: dict[str, Callable[[int], None]] = {
    "predict-slow": slow,
    "predict-different": different,
    "predict-hands": hands,
}
