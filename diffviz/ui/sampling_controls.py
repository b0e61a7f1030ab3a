"""Controls that most lessons share: prompt and style, seed, sampler, and prompts to try."""

from __future__ import annotations

import random
from collections.abc import Sequence

import streamlit as st

from diffviz.diffusion.samplers import SAMPLERS
from diffviz.models import checkpoints
from diffviz.ui.controls import Controls

MAX_SEED = 999_999
EXAMPLE_PROMPTS = (
    "cat face",
    "smiling face with sunglasses",
    "red heart",
    "palm tree",
    "octopus",
    "victory hand",
    "rainbow",
)


def sampler_control(c: Controls) -> str:
    """The name of the sampler."""
    titles = {name: sampler.title for name, sampler in SAMPLERS.items()}
    return c.choice("Sampler", "sampler", tuple(titles), "ddim", titles)


def guidance_control(c: Controls, net: str) -> float:
    """The guidance scale; at first the one that the network is best at, also of another network that is chosen later."""
    default = checkpoints.manifest()[net].guidance
    former = st.session_state.get("guidance-default", default)
    st.session_state["guidance-default"] = default
    untouched = st.session_state.get("guidance") == former and "guidance" not in st.query_params
    if former != default and untouched:
        st.session_state["guidance"] = default
    return c.slider("Guidance scale w (1 is off)", "guidance", default, 1.0, 10.0, 0.5)


def seed_control(c: Controls) -> int:
    """The seed, and a button for another one."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", width="content"):
        seed = c.integer("Seed", "seed", 0, 0, MAX_SEED, width=140)
        st.button("New seed", icon=":material/casino:", on_click=_new_seed)
    return seed


def prompt_controls(c: Controls, styles: Sequence[str]) -> tuple[str, str, int]:
    """Prompt, style and seed of a page on one image."""
    prompt = c.text("Prompt", "prompt", "cat face", placeholder="no prompt: unconditional")
    style = c.choice("Style", "style", ("", *styles), "noto", {"": "any"})
    return prompt, style, seed_control(c)


def _new_seed() -> None:
    st.session_state["seed"] = random.randrange(MAX_SEED + 1)


def example_prompts(prompts: Sequence[str] = EXAMPLE_PROMPTS) -> None:
    """Prompts to try; a click fills in the prompt."""
    st.pills("Try", prompts, key="idea", on_change=_apply_example, label_visibility="collapsed", wrap=True)


def _apply_example() -> None:
    if st.session_state.idea:
        st.session_state["prompt"] = st.session_state.idea
        st.session_state.idea = None
