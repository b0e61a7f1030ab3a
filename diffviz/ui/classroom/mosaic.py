"""The class's mosaic: one prompt, and for each who has joined the sample of their own seed, as they come."""

from __future__ import annotations

import numpy as np
import streamlit as st

from diffviz.classroom import state
from diffviz.classroom.database import database
from diffviz.classroom.errors import ClassroomError
from diffviz.classroom.rooms import Room
from diffviz.ui.cache import memo
from diffviz.ui.components import gallery

BATCH = 8  # images that are sampled at once
EVERY = 2.0  # seconds between two looks at who has joined
STEPS = 12
SHOWN = 300  # images at most: what a wall can show and a browser can be sent


def show(room: Room) -> None:
    """A switch for the mosaic, and the mosaic while it is on."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        on = st.toggle("Everybody's seed: one mosaic", key="mosaic-on")
        prompt = st.text_input(
            "Prompt of the mosaic", "cat face", max_chars=80, key="mosaic-prompt", width=260
        )
    if on:
        _mosaic(room, prompt.strip())


@st.fragment(run_every=EVERY)
def _mosaic(room: Room, prompt: str) -> None:
    """Everybody's image so far; each run samples those of the next few who have joined."""
    from diffviz.ui import frame, turns

    if not turns.entered():
        turns.enter(st.container())
    frame.load_torch()
    images: dict[int, np.ndarray] = memo("class-mosaic", (room.id, prompt), dict)
    try:
        joined = state.joined(database(), room)
    except ClassroomError as error:
        st.error(str(error))
        return
    wanted = range(1, min(joined, SHOWN) + 1)
    missing = [number for number in wanted if number not in images][:BATCH]
    if missing:
        images.update(zip(missing, sampled(prompt, [room.seed + number for number in missing]), strict=True))
    if not images:
        st.caption("Nobody has joined yet.")
        return
    numbers = sorted(images)
    st.html(gallery.row([images[n] for n in numbers], [f"No. {n}" for n in numbers], [""] * len(numbers), 96))
    waiting = len(wanted) - len(images)
    st.caption(
        f"“{prompt}”, everything alike but the seed, of which each phone has its own: a sample of what the network gives "
        f"for this prompt. {len(images)} of {joined} drawn" + (f", {waiting} to come." if waiting else ".")
    )


def sampled(prompt: str, seeds: list[int]) -> np.ndarray:
    """The samples of these seeds, (N, S, S, 3) uint8."""
    from diffviz.imaging.pixels import to_uint8
    from diffviz.models import checkpoints
    from diffviz.pipelines.text_to_image import Settings, sample_images

    settings = Settings(prompt, "noto", seeds[0], STEPS, sampler="unipc", model=checkpoints.QUICK)
    return to_uint8(sample_images(settings, seeds).numpy())
