"""One step of a sampling trajectory in numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from diffviz.analysis.spaces import LATENTS, space_of
from diffviz.diffusion.samplers import SAMPLERS
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.pipelines.text_to_image import Settings
from diffviz.pipelines.trajectory import Trajectory
from diffviz.ui import cache, terms
from diffviz.ui.fold import fold


def one_step_in_numbers(recorded: Callable[[], Trajectory], settings: Settings) -> None:
    """One step of this run in numbers: α and σ at both ends, and the values of one pixel or latent before and after."""
    fold("One step in numbers", "numbers", lambda: _step(recorded(), settings), icon=":material/pin:")


def _step(recorded: Trajectory, settings: Settings) -> None:
    schedule, space = SCHEDULES[settings.schedule], space_of(recorded)
    place, channels = "Pixel", ["red", "green", "blue"]
    if space is LATENTS:
        place, channels = "Latent", [f"channel {n + 1}" for n in range(recorded.x.shape[1])]
    i = 0 if recorded.steps == 1 else st.slider("Step", 1, recorded.steps, 1, key="numbers-step") - 1
    with st.container(horizontal=True):
        row = st.number_input(
            f"{place} row", 0, recorded.x.shape[-2] - 1, recorded.x.shape[-2] // 2, key="numbers-row"
        )
        column = st.number_input(
            f"{place} column",
            0,
            recorded.x.shape[-1] - 1,
            recorded.x.shape[-1] // 2,
            key="numbers-column",
        )
    t, s = float(recorded.t[i]), float(recorded.t[i + 1])
    levels = {
        "t": t,
        "s (the next timestep)": s,
        "α(t)": float(schedule.alpha(t)),
        "σ(t)": float(schedule.sigma(t)),
        "α(s)": float(schedule.alpha(s)),
        "σ(s)": float(schedule.sigma(s)),
    }
    st.markdown(" · ".join(f"{name} = **{value:.4f}**" for name, value in levels.items()))
    if schedule.variance_preserving:
        st.caption("In the papers' symbols α(t) is √ᾱₜ, and σ(t) is √(1−ᾱₜ).")
    pixel = (slice(None), int(row), int(column))
    table = {
        "colour" if place == "Pixel" else "channel": channels,
        "x at t": recorded.x[i][pixel],
        "x̂₀": recorded.x0[i][pixel],
        "ε̂ = (x − α(t)·x̂₀) / σ(t)": recorded.eps[i][pixel],
        "α(s)·x̂₀ + σ(s)·ε̂": levels["α(s)"] * recorded.x0[i][pixel] + levels["σ(s)"] * recorded.eps[i][pixel],
        "x at s, as it was computed": recorded.x[i + 1][pixel],
    }
    # Of a long run `ui.live` keeps values that fit half precision.
    halved = np.array_equal(recorded.x[i], recorded.x[i].astype(np.float16))
    digits = 2 if halved else 4
    rounded = {space.say(k): v if v is channels else np.asarray(v).round(digits) for k, v in table.items()}
    st.dataframe(cache.table(rounded), hide_index=True)
    st.html(terms.symbols_line(space.say("x̂₀"), "ε̂"))
    if halved:
        st.caption(
            "Of a run as long as this one three digits are kept: equal numbers may differ in the last one."
        )
    last = i + 1 == recorded.steps
    if SAMPLERS[settings.sampler].order == 1 and not SAMPLERS[settings.sampler].stochastic and not last:
        st.caption("For DDIM and Euler the last two columns are equal: that is the whole step.")
    elif last:
        st.caption(space.say("The last step ends on x̂₀ itself: no noise is added back."))
    elif np.allclose(*list(table.values())[-2:], atol=1e-3 if halved else 1e-5):
        if SAMPLERS[settings.sampler].evals_per_step == 1:
            why = "at this step, no earlier prediction counts, and this sampler takes DDIM's step."
        elif levels["α(t)"] == 0:
            why = "from α = 0, the slope at the other end of the step counts for nothing, and it is DDIM's step."
        else:
            why = "the slopes at both ends of this step are as good as equal."
        st.caption(f"The last two columns are equal here: {why} At others they differ.")
    else:
        st.caption("The last two columns differ: this sampler makes another step from the same prediction.")
