"""Images that the class compares blindly, two at a time: samples of several samplers, numbers of steps or guidance
scales, and the blind test of lesson 4.

What is asked of samples is what is preferred, which stands beside the measured metrics of the very same settings: no one
number says which is better. What is asked in the blind test is up to how many steps a difference is seen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from diffviz.classroom import activities, questions
from diffviz.classroom.activities import Draft, Measured, Metric
from diffviz.classroom.database import database
from diffviz.classroom.errors import Unfit
from diffviz.classroom.rooms import Room
from diffviz.evaluation import results
from diffviz.imaging.encoding import encode_png
from diffviz.lessons.content import Demo
from diffviz.ui.classroom import host

SETS = 3  # seeds, from the class's on; each gives one image of each setting
# Settings that `eval_steps` and `eval_guidance` have measured too, with the guidance scale, sampler and steps below.
STEPS = (3, 5, 12, 30)
SCALES = (1, 2, 4, 7)
BUDGET = 5  # NFE of each sampler, before guidance
GUIDANCE, SCALES_SAMPLER, SCALES_STEPS = 3.0, "unipc", 12
TELL = "tell"
TRIAL_SETS = 9  # of the blind test: each phone sees two trials of each number of steps, of sets that change with the phone
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
    TELL: Compared(
        "Can you tell? The blind test", "Which image took {longest} steps?",
        Demo("steps", "The blind test, alone", {"part": "Blind test"}),
    ),
}  # fmt: skip


def show(room: Room, turn: int) -> None:
    """Choose what is compared, sample it and ask."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = st.selectbox(
            "Compare", list(COMPARED), format_func=lambda w: COMPARED[w].title, key=f"compare-what-{turn}"
        )
        prompt = ""
        if what != TELL:
            prompt = st.text_input("Prompt", "cat face", max_chars=80, key=f"compare-prompt-{turn}")
    pressed = st.button(
        "Ask the class" if what == TELL else "Sample and ask", type="primary", icon=":material/compare:",
        key=f"compare-ask-{turn}",
    )  # fmt: skip
    if what == TELL:
        st.caption(
            "Each phone gets two trials of each number of steps, in an order of its own: two images from the same noise, "
            "one of them with 250 steps. The answer is the number of steps up to which the class sees a difference, with "
            "an interval."
        )
    else:
        st.caption(
            f"Each phone gets all pairs of {SETS} seeds, in an order and on sides of its own, without a name. The answer "
            "is the Bradley–Terry strength of each, pooled over the class, with an interval, beside the measured metrics."
        )
    if pressed:
        with st.spinner("Sampling …"):
            draft, images = (
                blind_test(room.seed) if what == TELL else sampled(what, prompt.strip(), room.seed)
            )
        host.attempt(activities.ask, database(), room, draft, images)
        st.rerun()


def blind_test(seed: int) -> tuple[Draft, tuple[bytes, ...]]:
    """The question of the blind test, and its images as PNG: sets of the stored pairs, chosen by the seed."""
    ladders = results.load_blind_test()
    if ladders is None:
        raise Unfit("The images of the blind test have not been sampled yet.")
    *levels, longest = ladders.steps
    chosen = random.Random(seed).sample(range(len(ladders.pairs)), TRIAL_SETS)
    images = tuple(encode_png(ladders.image(pair, n)) for pair in chosen for n in ladders.steps)
    draft = questions.tell_apart(
        COMPARED[TELL].prompt.format(longest=longest), levels, longest, "steps",
        [ladders.pairs[pair]["prompt"] for pair in chosen],
        f"Two images from the same noise, {_title(ladders.raw['sampler'])}. Guess if you cannot tell.",
        COMPARED[TELL].demo,
    )  # fmt: skip
    return draft, images


def measured(what: str) -> Measured | None:
    """What metrics say of the settings that are compared, in their order; None where that was not measured."""
    from diffviz.models import checkpoints

    sha256 = checkpoints.manifest()[checkpoints.QUICK].sha256
    file = "guidance" if what == "scales" else "steps"
    found = results.load_result(file, checkpoints.QUICK)
    if found is None or not found.matches(sha256):
        return None
    if what == "scales":
        by_scale = {row["guidance"]: row for row in results.GuidanceSweep(found.raw).scales}
        rows = [by_scale.get(scale) for scale in SCALES]
        reference = "scale 1"
    else:
        curve = results.QualityCurve(found.raw)
        rows = [
            curve.point(*one) for one in ([("ddim", n) for n in STEPS] if what == "steps" else _at_budget())
        ]
        reference = f"{curve.reference['steps']} steps of {_title(curve.reference['sampler'])}"
    if any(row is None for row in rows):
        return None
    return Measured(
        (_difference(f"KID minus that of {reference}, × {results.KID_SCALE}", rows),
         _agreement("Agreement with the prompt (subgroup)", rows, found.raw["n"])),
        f"KID and agreement: the network for 32 × 32 pixels at these settings, N = {found.raw['n']} images of many prompts "
        f"for each (assets/curves/{file}-{checkpoints.QUICK}.json), with intervals of 95 %.",
    )  # fmt: skip


def _difference(title: str, rows: Sequence[Any]) -> Metric:
    """The paired difference in KID of each row; a row without it is the one that the others are compared with."""
    found = [row.get("difference") for row in rows]
    scale = results.KID_SCALE
    return Metric(
        title,
        False,
        tuple(0.0 if d is None else scale * d["value"] for d in found),
        tuple(None if d is None else (scale * d["interval"][0], scale * d["interval"][1]) for d in found),
    )


def _agreement(title: str, rows: Sequence[Any], n: int) -> Metric:
    """The share of `n` images in the right subgroup. Where all are, resampling them knows no other outcome: there the lower
    end is that of the exact binomial interval (Clopper & Pearson 1934, doi 10.1093/biomet/26.4.404)."""
    found = [row["subgroup_top1"] for row in rows]
    exact = (0.025 ** (1 / n), 1.0)
    return Metric(
        title,
        True,
        tuple(share["value"] for share in found),
        tuple(
            exact if share["value"] == 1 else (share["interval"][0], share["interval"][1]) for share in found
        ),
    )


def _at_budget() -> list[tuple[str, int]]:
    """Each sampler with the most steps that it can take within `BUDGET`."""
    from diffviz.analysis.step_comparison import max_steps

    return [(sampler, max_steps(sampler, BUDGET)) for sampler in SAMPLERS]


def _title(sampler: str) -> str:
    from diffviz.diffusion import samplers

    return samplers.SAMPLERS[sampler].title


def sampled(what: str, prompt: str, seed: int) -> tuple[Draft, tuple[bytes, ...]]:
    """The question, and its images as PNG: for each of the seeds one of each setting."""
    from diffviz.ui import frame

    frame.load_torch()
    from diffviz.imaging.pixels import to_uint8
    from diffviz.models import checkpoints
    from diffviz.pipelines.text_to_image import Settings, sample_images

    def settings(steps: int, sampler: str, guidance: float = GUIDANCE) -> Settings:
        return Settings(
            prompt, "noto", seed, steps, sampler=sampler, guidance=guidance, model=checkpoints.QUICK
        )

    if what == "steps":
        every = {f"{n} steps": settings(n, "ddim") for n in STEPS}
    elif what == "samplers":
        every = {_title(s): settings(n, s) for s, n in _at_budget()}
    else:
        every = {f"scale {w}": settings(SCALES_STEPS, SCALES_SAMPLER, float(w)) for w in SCALES}
    seeds = [seed + k for k in range(SETS)]
    by_setting = [to_uint8(sample_images(one, seeds).numpy()) for one in every.values()]
    images = tuple(encode_png(of[k]) for k in range(SETS) for of in by_setting)
    compared = COMPARED[what]
    asked = compared.prompt.format(prompt=f"“{prompt}”" if prompt else "image")
    return questions.compare(asked, list(every), SETS, demo=compared.demo, measured=measured(what)), images
