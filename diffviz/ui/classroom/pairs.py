"""Samples that the class compares blindly, two at a time: of several samplers, numbers of steps or guidance scales.

What comes out is the class's preference, to be set beside the measured metrics: no one number says which is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from diffviz.classroom import activities, questions
from diffviz.classroom.activities import Draft
from diffviz.classroom.database import database
from diffviz.classroom.rooms import Room
from diffviz.lessons.content import Demo
from diffviz.ui.classroom import host

SETS = 3  # seeds, from the class's on; each gives one image of each setting
STEPS = (3, 6, 12, 30)
SCALES = (1, 3, 6, 12)
BUDGET = 6  # NFE of each sampler, before guidance
SAMPLERS = ("ddim", "ddpm", "heun", "dpmpp_2m", "unipc")


@dataclass(frozen=True)
class Compared:
    """What is compared, as the menu and the question name it, and the demo that shows it with its measured quality."""

    title: str
    prompt: str
    demo: Demo


COMPARED = {
    "steps": Compared(
        "Numbers of steps", "Which image is better?",
        Demo("steps", "The measured curve", {"part": "Measured quality"}),
    ),
    "samplers": Compared(
        f"Samplers at an NFE of {BUDGET}", "Which image is better?",
        Demo("steps", "Samplers at equal NFE", {"part": "Samplers at equal NFE"}),
    ),
    "scales": Compared(
        "Guidance scales", "Which image is a better {prompt}?",
        Demo("guidance", "Guidance scale", {"show": "Guidance scale"}),
    ),
}  # fmt: skip


def show(room: Room, turn: int) -> None:
    """Choose what is compared, sample it and ask."""
    with st.form(f"compare-{turn}", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            what = st.selectbox(
                "Compare",
                list(COMPARED),
                format_func=lambda w: COMPARED[w].title,
                key=f"compare-what-{turn}",
            )
            prompt = st.text_input("Prompt", "cat face", max_chars=80, key=f"compare-prompt-{turn}")
        pressed = st.form_submit_button(
            "Sample and ask", type="primary", icon=":material/compare:", key=f"compare-ask-{turn}"
        )
    st.caption(
        f"Each phone gets all pairs of {SETS} seeds, in an order and on sides of its own, without a name. The answer is "
        "the Bradley–Terry strength of each, pooled over the class, with an interval."
    )
    if pressed:
        with st.spinner("Sampling …"):
            draft, images = sampled(what, prompt.strip(), room.seed)
        host.attempt(activities.ask, database(), room, draft, images)
        st.rerun()


def sampled(what: str, prompt: str, seed: int) -> tuple[Draft, tuple[bytes, ...]]:
    """The question, and its images as PNG: for each of the seeds one of each setting."""
    from diffviz.ui import frame

    frame.load_torch()
    from diffviz.analysis.step_comparison import max_steps
    from diffviz.diffusion import samplers
    from diffviz.imaging.pixels import to_uint8
    from diffviz.models import checkpoints
    from diffviz.pipelines.text_to_image import Settings, sample_images
    from diffviz.pipelines.trajectory import encode_png

    def settings(steps: int, sampler: str, guidance: float = 3.0) -> Settings:
        return Settings(
            prompt, "noto", seed, steps, sampler=sampler, guidance=guidance, model=checkpoints.QUICK
        )

    if what == "steps":
        every = {f"{n} steps": settings(n, "ddim") for n in STEPS}
    elif what == "samplers":
        every = {samplers.SAMPLERS[s].title: settings(max_steps(s, BUDGET), s) for s in SAMPLERS}
    else:
        every = {f"scale {w}": settings(12, "unipc", float(w)) for w in SCALES}
    seeds = [seed + k for k in range(SETS)]
    by_setting = [to_uint8(sample_images(one, seeds).numpy()) for one in every.values()]
    images = tuple(encode_png(of[k]) for k in range(SETS) for of in by_setting)
    compared = COMPARED[what]
    asked = compared.prompt.format(prompt=f"“{prompt}”" if prompt else "image")
    return questions.compare(asked, list(every), SETS, demo=compared.demo), images
