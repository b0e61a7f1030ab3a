"""A strip of pictures for a card: the demo that it links to, run and laid out in a row."""

from __future__ import annotations

import functools

import numpy as np
import torch
from PIL import Image

from diffviz.analysis import forward_trajectory
from diffviz.analysis.step_comparison import step_sweep
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.imaging import uploads
from diffviz.imaging.pixels import from_uint8, to_uint8
from diffviz.lessons.content import Demo
from diffviz.models import checkpoints
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings, sample_trajectory
from diffviz.pipelines.trajectory import strip

SAMPLE_IMAGE = ASSETS / "samples" / "cat-face-noto.png"
STEP_COUNTS = (1, 2, 3, 5, 8, 12, 20, 30)


def image_strip(demo: Demo) -> bytes:
    """A PNG strip of eight frames: a forward chain, a reverse run, or a ladder of step counts."""
    return _strip(demo.page, tuple(sorted(demo.state.items())))


@functools.lru_cache(maxsize=128)
def _strip(page: str, state: tuple[tuple[str, str], ...]) -> bytes:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order would give other bytes
    try:
        return _drawn(page, dict(state))
    finally:
        torch.set_num_threads(threads)


def _drawn(page: str, asked: dict[str, str]) -> bytes:
    if page == "forward":
        drawing = from_uint8(uploads.resize(Image.open(SAMPLE_IMAGE), checkpoints.load().picture_size))
        schedule = SCHEDULES[asked.get("schedule", "cosine")]
        chain = forward_trajectory.forward_states(drawing, schedule, int(asked.get("T", 50)), seed=0)
        return strip(to_uint8(np.stack([x for _, x in chain])))
    style = asked.get("style", "noto")
    settings = Settings(
        asked.get("prompt", "cat face"),
        "" if style == "any" else style,
        int(asked.get("seed", 0)),
        int(asked.get("steps", 30)),
        guidance=float(asked.get("guidance", 3.0)),
    )
    if page == "steps":
        return strip(np.stack([run.frames("x")[-1] for run in step_sweep(settings, STEP_COUNTS)]))
    return strip(sample_trajectory(settings).frames("x"))
